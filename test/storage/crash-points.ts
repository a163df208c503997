import type { StableState } from '../../src/omnipaxos/index.js';
import type { PersistCall } from '../../src/testing/arbitraries/index.js';
import type { MemoryFileSystem, Survival } from '../../src/testing/memory-file-system.js';
import { TestMachine } from './journal-harness.js';
import { callsShownBy, recoverFrom } from './recovered-state.js';

export type History = readonly PersistCall<string, number>[];

/** The disk as it stands before one call of the file system, and what had been promised by then. */
export interface CrashPoint {
  readonly fileSystem: MemoryFileSystem;
  readonly call: string;
  readonly acknowledged: number;
}

/** Makes the calls of a history, so many at a time, and stops the clock at every call of the file system. */
export async function crashPoints(history: History, together: number): Promise<CrashPoint[]> {
  const machine = new TestMachine();
  await machine.init();
  const points: CrashPoint[] = [];
  let acknowledged = 0;
  machine.fileSystem.onCall = ({ name, path }) => {
    points.push({ fileSystem: machine.fileSystem.clone(), call: `${name} ${path}`, acknowledged });
    return undefined;
  };
  const journal = await machine.open();
  for (let from = 0; from < history.length; from += together) {
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

/** Up to this many unsynced changes every subset is tried; beyond it, so many subsets, spread evenly. */
const EXHAUSTIVE_CHANGES_MAX = 12;

/** Every way in which a crash can keep some of `changes` unsynced changes, as bit sets. */
function subsets(changes: number): number[] {
  const count = 2 ** Math.min(changes, EXHAUSTIVE_CHANGES_MAX);
  // An odd multiplier spreads the bits when there are more changes than bits.
  return Array.from({ length: count }, (_, i) =>
    changes > EXHAUSTIVE_CHANGES_MAX ? (i * 0x9e3779b1) >>> 0 : i,
  );
}

type States = readonly StableState<string, number>[];

/**
 * Power lost at this point, with every subset of what was not synced; each is recovered, and judged.
 * @returns how many images were tried.
 * @throws if anything acknowledged is lost, or anything is half there.
 */
export async function trySubsets(point: CrashPoint, states: States): Promise<number> {
  const changes = point.fileSystem.unsynced.length;
  const sets = subsets(changes);
  for (const subset of sets) {
    await judge(
      point,
      states,
      (i) => (subset & (1 << (i % 32))) !== 0,
      `subset ${subset.toString(2)} of ${changes}`,
    );
  }
  return sets.length;
}

/** As {@link trySubsets}, with the last write torn, and the others all there or all gone. */
export async function tryTornWrites(point: CrashPoint, states: States): Promise<number> {
  const { unsynced } = point.fileSystem;
  const last = unsynced.at(-1);
  if (last?.kind !== 'write') return 0;
  // Of a long write (zeroes, a long entry): each byte of its first and last part, where its records begin and end.
  const lengths = Array.from({ length: last.bytes.length }, (_, i) => i).filter(
    (i) => i < 128 || i > last.bytes.length - 128 || i % 97 === 0,
  );
  for (const length of lengths) {
    for (const others of [false, true]) {
      const survives = (i: number): Survival => (i === unsynced.length - 1 ? length : others);
      await judge(point, states, survives, `the last write torn at ${length}`);
    }
  }
  return 2 * lengths.length;
}

async function judge(
  point: CrashPoint,
  states: States,
  survives: (index: number) => Survival,
  what: string,
): Promise<void> {
  const image = point.fileSystem.clone();
  image.crash((_change, i) => survives(i));
  try {
    callsShownBy(await recoverFrom(image), states, point.acknowledged);
  } catch (cause) {
    throw new Error(`power lost before ${point.call}, ${what}`, { cause });
  }
}
