import type { Clock, LogFields, Logger } from '../runtime/index.js';

/** How many different troubles are told within one period. */
const REASONS_MAX = 16;
/** After how long a trouble that goes on is told again. */
const PERIOD_MS = 60_000;

/**
 * Logs trouble that may come back many times a second: each reason once, until things go well again or a minute has passed. At
 * most 16 lines a minute, whatever comes.
 */
export class TroubleLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #told = new Set<string>();
  #sinceMs = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  tell(
    level: 'info' | 'warn' | 'error',
    fields: LogFields & { readonly reason: string },
    message: string,
  ): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= PERIOD_MS) this.#told.clear();
    if (this.#told.size === 0) this.#sinceMs = nowMs;
    if (this.#told.has(fields.reason) || this.#told.size >= REASONS_MAX) return;
    this.#told.add(fields.reason);
    this.#logger[level](fields, message);
  }

  /** Things go well: the next trouble is news. */
  clear(): void {
    this.#told.clear();
  }
}
