import {
  type ConsensusDriver,
  ConsensusError,
  DEFAULT_CALL_TIMEOUT_MS,
  type LeadershipStream,
} from '../../consensus/index.js';
import type { Advances } from './checkers/advances.js';
import { LeadershipOrder } from './checkers/leadership-order.js';
import type { HeldLeases } from './checkers/leases.js';
import type { OpenCalls } from './checkers/open-calls.js';
import type { Proposals } from './checkers/proposals.js';
import { InvariantViolation } from './violation.js';

/** Who is told of what a driver is asked, and of what it answers. */
export interface DriverWatch {
  readonly nodeId: number;
  readonly advances: Advances;
  readonly proposals: Proposals;
  readonly calls: OpenCalls;
  readonly leases: HeldLeases;
  /** The clock of the driver's process, in ms. */
  readonly monotonicMs: () => number;
  readonly report: (violation: InvariantViolation) => void;
  /** A call has been made, or has ended. */
  readonly touch: () => void;
}

/** The same driver, watched. */
export function watchDriver(driver: ConsensusDriver, watch: DriverWatch): ConsensusDriver {
  const { nodeId, advances, proposals, calls, monotonicMs, touch } = watch;
  const deadlineMs = (timeoutMs = DEFAULT_CALL_TIMEOUT_MS): number => monotonicMs() + timeoutMs;
  return {
    leadershipEvents: () => watchStream(driver.leadershipEvents(), watch),
    close: () => driver.close(),
    [Symbol.asyncDispose]: () => driver.close(),
    loadHighWater: async (options) => {
      touch();
      const { floor } = advances;
      const call = driver.loadHighWater(options);
      const value = await calls
        .watch('a load', deadlineMs(options?.timeoutMs), call)
        .catch((error: unknown) => judged(watch, error, options?.signal));
      guard(watch, () => advances.loaded(nodeId, floor, value));
      return value;
    },
    persistHighWater: async (atLeast, epoch, options) => {
      touch();
      proposals.asked(atLeast, epoch);
      const call = driver.persistHighWater(atLeast, epoch, options);
      const value = await calls
        .watch('an advance', deadlineMs(options?.timeoutMs), call)
        .catch((error: unknown) => judged(watch, error, options?.signal));
      guard(watch, () => advances.advanced(nodeId, atLeast, epoch, value));
      return value;
    },
  };
}

function watchStream(stream: LeadershipStream, watch: DriverWatch): LeadershipStream {
  const order = new LeadershipOrder(watch.nodeId);
  return {
    next: async () => {
      const result = await stream.next();
      if (result.done !== true) {
        watch.leases.told(result.value);
        guard(watch, () => order.told(result.value));
      }
      return result;
    },
    return: () => stream.return(),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Rejects with `error` again, which must be one that a driver may reject with. */
function judged({ report }: DriverWatch, error: unknown, signal: AbortSignal | undefined): never {
  if (!ConsensusError.is(error) && signal?.aborted !== true) {
    report(new InvariantViolation('a driver rejects with its closed family of errors', String(error)));
  }
  throw error;
}

function guard({ report }: DriverWatch, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof InvariantViolation)) throw error;
    report(error);
  }
}
