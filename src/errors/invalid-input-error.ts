import { TsoracleError } from './tsoracle-error.js';

/**
 * A value that the caller handed in (an option, a flag, an argument) is not acceptable; nothing was done with it.
 * `code` is always `'invalid_input'`.
 */
export class InvalidInputError extends TsoracleError {
  override readonly name = 'InvalidInputError';
  /** The path of the refused field, dotted, e.g. `cluster.nodes.2`. */
  readonly field: string;
  /** The value as it was received. */
  readonly value: unknown;

  constructor(field: string, value: unknown, expectation: string, options?: { readonly cause?: unknown }) {
    super('invalid_input', `${field}: ${expectation}; received ${describeValue(value)}`, options);
    this.field = field;
    this.value = value;
  }
}

/** A short text that shows a refused value together with its type, safe for logs (at most about 200 characters). */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `${clip(JSON.stringify(value))} (string)`;
  if (typeof value === 'bigint') return `${clip(value.toString())}n (bigint)`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} (${typeof value})`;
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  try {
    return `${clip(JSON.stringify(value))} (${Array.isArray(value) ? 'array' : 'object'})`;
  } catch {
    return 'an object that cannot be shown';
  }
}

function clip(text: string): string {
  return text.length <= 180 ? text : `${text.slice(0, 180)}...`;
}
