// A driver of one's own: the high-water in one row of a store that is shared by nobody. Run it: npx tsx docs/examples/custom-driver.ts
import {
  assertAdvanceInRange,
  type CallOptions,
  type ConsensusDriver,
  ConsensusError,
  type Epoch,
  InvalidInputError,
  type LeaderState,
  type LeadershipStream,
  mergeHighWater,
  toEpoch,
} from '../../src/index.js';
import { driverConformance } from '../../src/testing/index.js';

/** Whatever keeps one row durably: both calls resolve when it is on disk. */
export interface Row {
  highWaterMs: number;
  epoch: bigint;
}

/** Leads from the beginning, at an epoch above that of every driver before it on the same row. */
export class RowDriver implements ConsensusDriver {
  readonly #row: Row;
  readonly #epoch: Epoch;
  #stream: LeadershipStream | undefined;
  #isClosed = false;

  constructor(row: Row) {
    this.#row = row;
    row.epoch += 1n;
    this.#epoch = toEpoch(row.epoch);
  }

  async loadHighWater(options: CallOptions = {}): Promise<number> {
    this.#begin(options);
    return this.#row.highWaterMs;
  }

  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    assertAdvanceInRange(atLeast);
    toEpoch(epoch);
    this.#begin(options);
    if (epoch !== this.#epoch) {
      if (epoch < this.#epoch)
        throw new ConsensusError('fenced', 'a later leadership has begun', { epoch: this.#epoch });
      throw new ConsensusError('not_leader', 'this driver does not lead at that epoch');
    }
    this.#row.highWaterMs = mergeHighWater(this.#row.highWaterMs, atLeast);
    return this.#row.highWaterMs;
  }

  leadershipEvents(): LeadershipStream {
    if (this.#stream !== undefined)
      return streamOf(() => Promise.reject(new ConsensusError('stream_in_use', 'one stream is live')));
    const leading: LeaderState = {
      role: 'leader',
      epoch: this.#epoch,
      lease: { isValid: () => !this.#isClosed },
    };
    let ended: (end: undefined) => void = () => {};
    const untilEnd = new Promise<undefined>((resolve) => {
      ended = resolve;
    });
    let told = false;
    const next = (): Promise<LeaderState | undefined> => {
      if (told || this.#isClosed) return untilEnd;
      told = true;
      return Promise.resolve(leading);
    };
    const stream = streamOf(next, () => {
      ended(undefined);
      if (this.#stream === stream) this.#stream = undefined;
    });
    this.#stream = stream;
    if (this.#isClosed) stream[Symbol.dispose]();
    return stream;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stream?.[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin({ signal, timeoutMs = 1 }: CallOptions): void {
    if (!(Number.isSafeInteger(timeoutMs) && timeoutMs >= 1)) {
      throw new InvalidInputError('timeoutMs', timeoutMs, 'must be a whole number of ms from 1');
    }
    signal?.throwIfAborted();
    if (this.#isClosed) throw new ConsensusError('closed', 'the driver is closed');
  }
}

/** An async iterator over what `next` gives; it is done at undefined, and once it was given back. */
function streamOf(
  next: () => Promise<LeaderState | undefined>,
  release: () => void = () => {},
): LeadershipStream {
  let isDone = false;
  const dispose = (): void => {
    if (!isDone) release();
    isDone = true;
  };
  const ended = { done: true, value: undefined } as const;
  return {
    next: async () => {
      if (isDone) return ended;
      const value = await next().catch((error: unknown) => {
        dispose();
        throw error;
      });
      return isDone || value === undefined ? ended : { done: false, value };
    },
    return: async () => {
      dispose();
      return ended;
    },
    [Symbol.dispose]: dispose,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Runs every case of the conformance kit on it. */
export async function run(print: (line: string) => void): Promise<void> {
  const cases = driverConformance({
    create: () => {
      const row: Row = { highWaterMs: 0, epoch: 0n };
      const driver = new RowDriver(row);
      const reopen = async (): Promise<ConsensusDriver> => {
        await driver.close();
        return new RowDriver(row);
      };
      return { driver, reopen, dispose: () => driver.close() };
    },
    capabilities: { leadership: false, stall: false, reopen: true },
  });
  for (const { name, run: runCase } of cases) {
    await runCase();
    print(`passed: ${name}`);
  }
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
