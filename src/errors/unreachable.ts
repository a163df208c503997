import { TsoracleError } from './tsoracle-error.js';

/** Ends an exhaustive switch: the compiler refuses the call as long as a case is missing. */
export function unreachable(value: never): never {
  throw new TsoracleError('internal', `reached a case that the types exclude: ${JSON.stringify(value)}`);
}
