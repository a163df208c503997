/**
 * The base class of every error that this package throws or rejects with.
 *
 * `code` is API: it is stable within a major version, and one code names one situation. The message is for people and may
 * change at any time. `cause` keeps the error underneath, if there is one.
 */
export class TsoracleError extends Error {
  override readonly name: string = 'TsoracleError';
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
