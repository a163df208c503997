import type { ApplyYieldPoint } from '../apply/index.js';
import type { PaxosHighWaterHost } from '../driver/index.js';
import { withResolvers } from '../runtime/index.js';

/**
 * Holds an apply task at one named point, the first time that it comes by, until it is released: hand {@link at} to the task as its `yieldPoint`.
 *
 * - `beforeChunk`: it has been woken, and has drained nothing yet;
 * - `beforeNotify`: between draining and telling that something was applied;
 * - `beforeWait`: between finding nothing to do and waiting for the next signal;
 * - `stopping`: in `stop()`, after the run has ended and before its last item is waited for.
 */
export class YieldPointHold {
  readonly #point: ApplyYieldPoint;
  readonly #gate = withResolvers<void>();
  #reached = 0;

  constructor(point: ApplyYieldPoint) {
    this.#point = point;
  }

  /** How often the task has come by. */
  get reached(): number {
    return this.#reached;
  }

  /** To be handed to the task. */
  readonly at = (point: ApplyYieldPoint): void | Promise<void> => {
    if (point !== this.#point) return;
    this.#reached += 1;
    if (this.#reached === 1) return this.#gate.promise;
  };

  /** Lets the task go on. Idempotent. */
  release(): void {
    this.#gate.resolve();
  }
}

/**
 * The same host, which calls `afterAppend` in each proposal that it has appended, before its caller hears of that: whatever a caller could miss between its append and its
 * wait can be made to happen there. The proposal ends by what `afterAppend` throws.
 */
export function heldAfterAppend(host: PaxosHighWaterHost, afterAppend: () => void): PaxosHighWaterHost {
  return {
    identity: host.identity,
    applyState: host.applyState,
    events: host.events,
    leadership: () => host.leadership(),
    applyFailure: () => host.applyFailure(),
    propose: (command) => {
      const result = host.propose(command);
      if (result.ok) afterAppend();
      return result;
    },
  };
}
