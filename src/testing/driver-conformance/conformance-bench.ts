import {
  type ConsensusDriver,
  ConsensusError,
  type ConsensusErrorCode,
  type Epoch,
  type LeaderState,
  type LeadershipStream,
} from '../../consensus/index.js';
import { TsoracleError } from '../../errors/index.js';
import { parseEndpoint } from '../../wire/index.js';
import type { DriverHarness, LeadershipControls, StallControls } from './driver-harness.js';

export type LeadingState = Extract<LeaderState, { role: 'leader' }>;

/** What a case has at hand: one harness, and the assertions that all cases share. */
export class ConformanceBench {
  readonly #harness: DriverHarness;

  constructor(harness: DriverHarness) {
    this.#harness = harness;
  }

  get driver(): ConsensusDriver {
    return this.#harness.driver;
  }

  get leadership(): LeadershipControls {
    return required(this.#harness.leadership, 'leadership');
  }

  get stall(): StallControls {
    return required(this.#harness.stall, 'stall');
  }

  reopen(): Promise<ConsensusDriver> {
    return this.drive(required(this.#harness.reopen, 'reopen')());
  }

  /** Waits for `work` while the driver's world goes on. */
  drive<T>(work: Promise<T>): Promise<T> {
    return this.#harness.drive?.(work) ?? work;
  }

  async nextState(stream: LeadershipStream): Promise<LeaderState> {
    const result = await this.drive(stream.next());
    if (result.done === true) throw broken('the leadership stream has ended, though its driver is open');
    expectEndpoint(result.value);
    return result.value;
  }

  /** Reads the stream until it tells that the driver leads. */
  async untilLeader(stream: LeadershipStream): Promise<LeadingState> {
    for (;;) {
      const state = await this.nextState(stream);
      if (state.role === 'leader') return state;
    }
  }

  /** The epoch at which the driver leads. Takes the stream and releases it. */
  async leaderEpoch(driver = this.driver): Promise<Epoch> {
    using stream = driver.leadershipEvents();
    return (await this.untilLeader(stream)).epoch;
  }

  load(driver = this.driver): Promise<number> {
    return this.drive(driver.loadHighWater());
  }

  persist(atLeast: number, epoch: Epoch): Promise<number> {
    return this.drive(this.driver.persistHighWater(atLeast, epoch));
  }

  /** The call must reject, with a `ConsensusError` of one of these codes. */
  async expectRejection(
    call: Promise<number>,
    codes: readonly ConsensusErrorCode[],
    what: string,
  ): Promise<ConsensusError> {
    const error = await this.#rejectionOf(call, what);
    if (!ConsensusError.is(error)) throw broken(`${what} rejected with no ConsensusError`, error);
    if (!codes.includes(error.code)) {
      throw broken(`${what} rejected with ${error.code} instead of ${codes.join(' or ')}`, error);
    }
    return error;
  }

  /** The call must reject with exactly this value. */
  async expectReason(call: Promise<number>, reason: unknown, what: string): Promise<void> {
    const error = await this.#rejectionOf(call, what);
    if (error !== reason) throw broken(`${what} did not reject with the reason of its signal`, error);
  }

  async #rejectionOf(call: Promise<number>, what: string): Promise<unknown> {
    const rejection = call.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const outcome = await this.drive(rejection);
    if ('value' in outcome) throw broken(`${what} resolved with ${outcome.value} instead of rejecting`);
    return outcome.error;
  }
}

/** The driver breaks its contract. */
export function broken(message: string, cause?: unknown): TsoracleError {
  return new TsoracleError('contract_broken', message, cause === undefined ? undefined : { cause });
}

/** @throws the error of a broken contract, unless it holds. */
export function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw broken(otherwise);
}

/** Where clients are sent must be a `host:port` that they can follow, without a scheme. */
function expectEndpoint(state: LeaderState): void {
  if (state.role !== 'follower' || state.leader.endpoint === undefined) return;
  const { endpoint } = state.leader;
  expectThat(
    (parseEndpoint(endpoint)?.port ?? 0) > 0,
    `the stream tells the endpoint ${JSON.stringify(endpoint)}, which is no host:port`,
  );
}

function required<T>(part: T | undefined, name: string): T {
  if (part === undefined) {
    throw new TsoracleError('invalid_input', `the harness says that it has ${name}, but has none`);
  }
  return part;
}
