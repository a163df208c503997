import { TsoracleError } from '../errors/index.js';

/** A call has got no answer. `code` is always `'no_answer'`. */
export class NoAnswerError extends TsoracleError {
  override readonly name = 'NoAnswerError';
  /** Whether the peer was merely silent until the time was up; else something broke, or was refused. */
  readonly isSilence: boolean;

  constructor(message: string, details: { readonly isSilence?: boolean; readonly cause?: unknown } = {}) {
    super('no_answer', message, 'cause' in details ? { cause: details.cause } : undefined);
    this.isSilence = details.isSilence ?? false;
  }
}
