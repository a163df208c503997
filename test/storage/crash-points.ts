import { createHash } from 'node:crypto';
import type { StableState } from '../../src/omnipaxos/index.js';
import type { PersistCall } from '../../src/testing/arbitraries/index.js';
import type { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { subsetsThatSurvive, tornWritesThatSurvive, type WayOfSurvival } from '../support/survivals.js';
import { dataDir, TestMachine } from './journal-harness.js';
import { callsShownBy, recoverFrom } from './recovered-state.js';

export type History = readonly PersistCall<string, number>[];

/** The disk as it stands before one call of the file system, and what had been promised by then. */
export interface CrashPoint {
  readonly fileSystem: MemoryFileSystem;
  readonly call: string;
  readonly acknowledged: number;
}

/**
 * Makes the calls of a history, so many at a time, and stops the clock at every call of the file system. Half
 * way the process is killed, so that the second half begins with an opening that finds a stale lock and a
 * segment in use.
 */
export async function crashPoints(history: History, together: number): Promise<CrashPoint[]> {
  const machine = new TestMachine();
  await machine.init();
  const points: CrashPoint[] = [];
  let acknowledged = 0;
  machine.fileSystem.onCall = ({ name, path }) => {
    points.push({ fileSystem: machine.fileSystem.clone(), call: `${name} ${path}`, acknowledged });
    return undefined;
  };
  let journal = await machine.open();
  for (let from = 0; from < history.length; from += together) {
    if (from >= history.length / 2 && journal.identity.incarnation === 1) {
      machine.restart();
      journal = await machine.open();
    }
    await Promise.all(
      history.slice(from, from + together).map(async ({ writes, needsSync }, i) => {
        await journal.persist(writes, needsSync);
        if (needsSync) acknowledged = Math.max(acknowledged, from + i + 1);
      }),
    );
  }
  await journal.close();
  return points;
}

type States = readonly StableState<string, number>[];

/**
 * Power lost at this point, with every subset of what was not synced; each is recovered, and judged.
 * @returns how many images were tried.
 * @throws if anything acknowledged is lost, or anything is half there.
 */
export function trySubsets(point: CrashPoint, states: States): Promise<number> {
  return tryAll(point, states, subsetsThatSurvive(point.fileSystem.unsynced));
}

/** As {@link trySubsets}, with the last write torn, and the others all there or all gone. */
export function tryTornWrites(point: CrashPoint, states: States): Promise<number> {
  return tryAll(point, states, tornWritesThatSurvive(point.fileSystem.unsynced));
}

async function tryAll(point: CrashPoint, states: States, ways: Iterable<WayOfSurvival>): Promise<number> {
  let images = 0;
  for (const { fileSystem, isNew, what } of crashedDisks(point, ways)) {
    images++;
    if (!isNew) continue;
    try {
      callsShownBy(await recoverFrom(fileSystem), states, point.acknowledged);
    } catch (cause) {
      throw new Error(`power lost before ${point.call}, ${what}`, { cause });
    }
  }
  return images;
}

/** What a crash at this point leaves, in each of these ways; many of them leave the same disk, which is new only once. */
export function* crashedDisks(
  point: CrashPoint,
  ways: Iterable<WayOfSurvival>,
): Generator<
  { readonly fileSystem: MemoryFileSystem; readonly isNew: boolean; readonly what: string },
  void
> {
  const seen = new Set<string>();
  for (const { survives, what } of ways) {
    const fileSystem = point.fileSystem.clone();
    fileSystem.crash((_change, i) => survives(i));
    const disk = fingerprint(fileSystem);
    yield { fileSystem, isNew: !seen.has(disk), what };
    seen.add(disk);
  }
}

/** Equal for disks with the same files. */
function fingerprint(fileSystem: MemoryFileSystem): string {
  const files = fileSystem.names(dataDir).map((name) => {
    const digest = createHash('sha1').update(fileSystem.contents(`${dataDir}/${name}`));
    return `${name} ${digest.digest('hex')}`;
  });
  return files.join('\n');
}
