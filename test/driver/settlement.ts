import { ConsensusError } from '../../src/consensus/index.js';

/** How a call has ended, as one line; `undefined` while it waits. */
export interface Settlement {
  outcome: string | undefined;
  /** How often it has ended: must be 1 at last. */
  ends: number;
  error: unknown;
  readonly ended: Promise<void>;
}

/** Watches a call. Its rejection is handled by that. */
export function watch(call: Promise<number>): Settlement {
  const settlement: { -readonly [Key in keyof Settlement]: Settlement[Key] } = {
    outcome: undefined,
    ends: 0,
    error: undefined,
    ended: Promise.resolve(),
  };
  const end = (outcome: string, error?: unknown): void => {
    settlement.outcome = outcome;
    settlement.error = error;
    settlement.ends += 1;
  };
  settlement.ended = call.then(
    (value) => end(`value ${value}`),
    (error: unknown) => end(describe(error), error),
  );
  return settlement;
}

function describe(error: unknown): string {
  if (!ConsensusError.is(error)) return error instanceof Error ? `thrown: ${error.message}` : String(error);
  return error.code === 'fenced' ? `fenced by ${error.epoch}` : error.code;
}
