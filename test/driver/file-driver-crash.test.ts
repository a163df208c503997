import { expect, test } from 'vitest';
import type { FileDriver } from '../../src/driver/index.js';
import type { MemoryFileSystem, Survival, UnsyncedChange } from '../../src/testing/memory-file-system.js';
import { subsetsThatSurvive, tornWritesThatSurvive, type WayOfSurvival } from '../support/survivals.js';
import { FileDriverMachine } from './file-driver-machine.js';

/** The disk as it stands before one call of the file system, and what had been promised by then. */
interface CrashPoint {
  readonly machine: FileDriverMachine;
  readonly call: string;
  /** The highest value answered, and the highest asked for. */
  readonly answeredMs: number;
  readonly askedMs: number;
  /** The highest epoch told. */
  readonly epoch: bigint;
}

async function leaderEpoch(driver: FileDriver) {
  using stream = driver.leadershipEvents();
  const { value } = await stream.next();
  if (value?.role !== 'leader') throw new Error('it does not lead');
  return value.epoch;
}

/** Two openings with advances, one at a time and many at once, stopped at every call of the file system. */
async function crashPoints(): Promise<CrashPoint[]> {
  const machine = new FileDriverMachine();
  await machine.init();
  const points: CrashPoint[] = [];
  let [answeredMs, askedMs, epoch] = [0, 0, 0n];
  machine.fileSystem.onCall = ({ name, path }) => {
    points.push({ machine: machine.clone(), call: `${name} ${path}`, answeredMs, askedMs, epoch });
    return undefined;
  };
  for (let opening = 0; opening < 2; opening++) {
    const driver = await machine.open();
    const own = await leaderEpoch(driver);
    epoch = own;
    const persist = async (atLeast: number): Promise<void> => {
      askedMs = Math.max(askedMs, atLeast);
      answeredMs = Math.max(answeredMs, await driver.persistHighWater(atLeast, own));
    };
    const base = opening * 100;
    await persist(base + 10);
    await Promise.all([base + 20, base + 40, base + 30].map(persist));
    await persist(base + 50);
    await driver.close();
  }
  return points;
}

/** Every subset of what was not synced, and the last write torn at every byte. */
function* survivals(unsynced: readonly UnsyncedChange[]): Generator<WayOfSurvival, void> {
  yield* subsetsThatSurvive(unsynced);
  yield* tornWritesThatSurvive(unsynced);
}

async function afterCrash(
  { machine }: CrashPoint,
  survives: (index: number) => Survival,
): Promise<{ highWaterMs: number; epoch: bigint }> {
  const image = machine.clone();
  image.fileSystem.crash((_change, index) => survives(index));
  const driver = await image.open();
  const found = { highWaterMs: await driver.loadHighWater(), epoch: await leaderEpoch(driver) };
  await driver.close();
  return found;
}

// S02, S06, S12, S14
test('file driver: power lost before any call, whatever of the unsynced survives: nothing answered is lost, each epoch is new', async () => {
  let images = 0;
  const points = await crashPoints();
  for (const point of points) {
    for (const { survives } of survivals(point.machine.fileSystem.unsynced)) {
      const { highWaterMs, epoch } = await afterCrash(point, survives).catch((cause: unknown) => {
        throw new Error(`before ${point.call}`, { cause });
      });
      expect(highWaterMs, `before ${point.call}`).toBeGreaterThanOrEqual(point.answeredMs);
      expect(highWaterMs, `before ${point.call}`).toBeLessThanOrEqual(point.askedMs);
      expect(epoch > point.epoch, `before ${point.call}: epoch ${epoch} after ${point.epoch}`).toBe(true);
      images++;
    }
  }
  expect(images).toBeGreaterThan(points.length * 2);
});

// S12
test('file driver: power lost before any call of its making: made again, or it is there whole', async () => {
  const machine = new FileDriverMachine();
  const points: MemoryFileSystem[] = [];
  machine.fileSystem.onCall = () => void points.push(machine.fileSystem.clone());
  await machine.init(500);
  for (const [index, fileSystem] of points.entries()) {
    for (const { survives } of survivals(fileSystem.unsynced)) {
      const image = new FileDriverMachine(fileSystem.clone(), 1_000);
      image.fileSystem.crash((_change, i) => survives(i));
      await image.init(500).catch((error: unknown) => {
        expect(error, `before call ${index}`).toMatchObject({ code: 'storage_already_initialized' });
      });
      await using driver = await image.open();
      expect(await driver.loadHighWater()).toBe(500);
    }
  }
});
