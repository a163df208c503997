import { TsoracleError } from '../errors/index.js';

/** The codes of {@link TsoServerError}. */
export type TsoServerErrorCode =
  /** The address given as `listen` cannot be bound; `cause` is the system's error. */
  'bind_failed';

/** A server cannot do what it was asked for. */
export class TsoServerError extends TsoracleError {
  override readonly name = 'TsoServerError';
  declare readonly code: TsoServerErrorCode;

  constructor(code: TsoServerErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
  }
}
