import { TsoracleError } from '../errors/index.js';

/**
 * Bytes that came over the wire are not the protobuf message that they should be. `code` is always
 * `'malformed_message'`.
 */
export class MalformedMessageError extends TsoracleError {
  override readonly name = 'MalformedMessageError';

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('malformed_message', message, options);
  }
}
