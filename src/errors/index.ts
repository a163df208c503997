export { describeValue, InvalidInputError } from './invalid-input-error.js';
export { parseInput } from './parse-input.js';
export { TsoracleError } from './tsoracle-error.js';
export { unreachable } from './unreachable.js';
