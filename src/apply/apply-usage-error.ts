import { TsoracleError } from '../errors/index.js';

/**
 * What a caller of the apply engine or the apply task did wrong.
 *
 * | code | meaning |
 * | --- | --- |
 * | `already_running` | the apply task has been started and has not ended |
 * | `mixed_apply_paths` | one engine was both stepped and run by a task, or run by two tasks |
 * | `apply_busy` | a step was asked for while another one is under way, e.g. from within a fold |
 * | `recovery_too_late` | recovery was asked for twice, or after the first step |
 */
export type ApplyUsageErrorCode =
  | 'already_running'
  | 'mixed_apply_paths'
  | 'apply_busy'
  | 'recovery_too_late';

/** The caller's mistake; the call has changed nothing, and whatever was under way goes on undisturbed. */
export class ApplyUsageError extends TsoracleError {
  override readonly name = 'ApplyUsageError';
  declare readonly code: ApplyUsageErrorCode;

  constructor(code: ApplyUsageErrorCode, message: string) {
    super(code, message);
  }
}
