import type { z } from 'zod';
import { InvalidInputError } from './invalid-input-error.js';

/**
 * Checks `input` against a zod schema and returns the parsed value with defaults filled in.
 *
 * @param what names the whole input in the error, e.g. `node options`; the refused field's path follows it.
 * @throws {InvalidInputError} for the first issue found, naming the field and the value received.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path ?? [];
  const field = [what, ...path.map(String)].join('.');
  throw new InvalidInputError(field, valueAt(input, path), issue?.message ?? 'is not valid', {
    cause: result.error,
  });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let current = input;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}
