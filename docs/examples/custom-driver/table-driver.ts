import {
  assertAdvanceInRange,
  type CallOptions,
  type Clock,
  type ConsensusDriver,
  ConsensusError,
  DEFAULT_CALL_TIMEOUT_MS,
  type Epoch,
  InvalidInputError,
  type LeaderState,
  LeadershipChannel,
  type LeadershipStream,
  silentLogger,
  systemClock,
  toEpoch,
} from '../../../src/index.js';
import type { Table } from './table.js';

/** A consensus driver on a row of a database: the epoch is the row's, an advance is a conditional update. */
export class TableDriver implements ConsensusDriver {
  readonly #table: Table;
  readonly #clock: Clock;
  readonly #channel: LeadershipChannel;
  /** Ends the calls that wait. */
  readonly #ends = new Set<(error: unknown) => void>();
  #state: LeaderState = { role: 'unknown' };
  #isClosed = false;

  constructor(table: Table, clock: Clock = systemClock) {
    this.#table = table;
    this.#clock = clock;
    this.#channel = new LeadershipChannel({ read: () => this.#state, logger: silentLogger });
    this.claim();
  }

  /** Begins a leadership, which lasts until somebody else claims the row. */
  claim(): void {
    const epoch = toEpoch(this.#table.claim(() => this.#become({ role: 'unknown' })));
    const state: LeaderState = { role: 'leader', epoch, lease: { isValid: () => this.#state === state } };
    this.#become(state);
  }

  leadershipEvents(): LeadershipStream {
    return this.#channel.open();
  }

  async loadHighWater(options: CallOptions = {}): Promise<number> {
    return await this.#call(0, undefined, options);
  }

  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    assertAdvanceInRange(atLeast);
    return await this.#call(atLeast, toEpoch(epoch), options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#channel.close();
    this.#become({ role: 'unknown' }, () => new ConsensusError('closed', 'the driver has been closed'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whatever waits belongs to the leadership before, and ends with it. */
  #become(state: LeaderState, why = lost): void {
    this.#state = state;
    for (const end of this.#ends) end(why());
    this.#channel.changed();
  }

  #call(atLeast: number, at: Epoch | undefined, { signal, timeoutMs }: CallOptions): Promise<number> {
    const limitMs = timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
    if (!(limitMs >= 1)) throw new InvalidInputError('timeoutMs', limitMs, 'must be at least 1');
    signal?.throwIfAborted();
    if (this.#isClosed) throw new ConsensusError('closed', 'the driver has been closed');
    const state = this.#state;
    if (state.role !== 'leader' || (at !== undefined && at !== state.epoch)) throw lost();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(limitMs, () => end(new ConsensusError('transient', 'too slow')));
      const onAbort = (): void => end(signal?.reason);
      const end = (error: unknown, value?: number): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#ends.delete(end);
        if (value === undefined) reject(error);
        else resolve(value);
      };
      this.#ends.add(end);
      signal?.addEventListener('abort', onAbort);
      this.#table.raise(atLeast, state.epoch).then((value) => end(lost(), value), end);
    });
  }
}

const lost = (): ConsensusError => new ConsensusError('not_leader', 'somebody else has claimed the row');
