import { TsoracleError } from '../errors/index.js';

/** Bytes that came from outside do not have the form that they must have. `code` is always `'malformed'`. */
export class MalformedError extends TsoracleError {
  override readonly name = 'MalformedError';

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('malformed', message, options);
  }
}
