import { TsoracleError } from '../errors/index.js';

/** The codes of {@link TransportError}. */
export type TransportErrorCode =
  /** The address to listen on cannot be bound. */
  | 'bind_failed'
  /** Plaintext that could leave this machine, without `allowInsecurePeer`. */
  | 'insecure_peer'
  /** The transport was started before, or closed. */
  | 'transport_used';

/** A transport cannot do what it was asked for. */
export class TransportError extends TsoracleError {
  override readonly name = 'TransportError';
  declare readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
  }
}
