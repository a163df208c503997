import { parseArgs } from 'node:util';
import { z } from 'zod';
import { InvalidInputError } from '../errors/index.js';

/** What the help says of one flag. */
export interface FlagHelp {
  /** What stands for the value in the help, e.g. `DIR`; absent for a switch, which takes none. */
  readonly placeholder?: string;
  /** One or two sentences, with unit, range and default. */
  readonly help: string;
}

/** Where a command writes. One line a call, without its line end. */
export interface CommandOutput {
  /** What the command was asked for. */
  out(line: string): void;
  /** Everything else. */
  err(line: string): void;
}

/** What a command is made of. The keys of its schema are its flags, in camelCase. */
export interface CommandDefinition<Shape extends z.ZodRawShape> {
  /** The words that name it, e.g. `serve paxos`. */
  readonly name: string;
  readonly summary: string;
  /**
   * The one guard of all values from outside, flags and environment alike. Every value arrives as text, or
   * not at all.
   */
  readonly schema: z.ZodObject<Shape>;
  readonly flags: { readonly [Key in keyof Shape]: FlagHelp };
  /** Does the work and resolves with the exit code. */
  run(values: z.output<z.ZodObject<Shape>>, output: CommandOutput): Promise<number>;
}

/** A command whose flags' types are its own business. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  help(): string;
  /**
   * Checks flags and environment, then runs the command and resolves with its exit code. Rejects with an
   * InvalidInputError, before anything is done, that names the flag or the variable, and the value.
   */
  run(args: readonly string[], environment: Environment, output: CommandOutput): Promise<number>;
}

/** `process.env`, or a stand-in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The flag of a schema's key: `dataDir` is `--data-dir`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The environment variable of a schema's key: `dataDir` is `TSORACLE_DATA_DIR`. */
export function variableName(key: string): string {
  return `TSORACLE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Makes a {@link Command} of its definition. */
export function defineCommand<Shape extends z.ZodRawShape>(definition: CommandDefinition<Shape>): Command {
  return {
    name: definition.name,
    summary: definition.summary,
    help: () => commandHelp(definition),
    run: async (args, environment, output) =>
      definition.run(parseFlags(definition.schema, definition.flags, args, environment), output),
  };
}

/**
 * Reads the values of a command: from its flags, or else from the environment, where an empty variable counts
 * as absent.
 * @throws {InvalidInputError} for the first value that is missing or refused.
 */
export function parseFlags<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  flags: { readonly [Key in keyof Shape]: FlagHelp },
  args: readonly string[],
  environment: Environment,
): z.output<z.ZodObject<Shape>> {
  const given = parseTokens(flags, args);
  const values: Record<string, string> = {};
  const sources = new Map<string, string>();
  for (const key of Object.keys(flags)) {
    const flag = given.get(key);
    const value = flag ?? (environment[variableName(key)] || undefined);
    sources.set(key, flag === undefined && value !== undefined ? variableName(key) : flagName(key));
    if (value !== undefined) values[key] = value;
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  throw refusal(result.error, values, sources);
}

function refusal(
  error: z.ZodError,
  values: Readonly<Record<string, string>>,
  sources: ReadonlyMap<string, string>,
): InvalidInputError {
  const issue = error.issues[0];
  const key = String(issue?.path[0] ?? '');
  const value = values[key];
  const expectation =
    value === undefined
      ? `is required; give it, or set ${variableName(key)}`
      : (issue?.message ?? 'is not valid');
  return new InvalidInputError(sources.get(key) ?? flagName(key), value, expectation, { cause: error });
}

/** The given flags' texts by key; a switch's is `true`. */
function parseTokens(
  flags: Readonly<Record<string, FlagHelp>>,
  args: readonly string[],
): Map<string, string> {
  const keys = Object.keys(flags);
  const options = Object.fromEntries(
    keys.map((key) => [
      flagName(key).slice(2),
      { type: flags[key]?.placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    const given = new Map<string, string>();
    for (const key of keys) {
      const value = parsed.values[flagName(key).slice(2)];
      if (value !== undefined) given.set(key, String(value));
    }
    return given;
  } catch (error) {
    throw unusableArguments(error, args);
  }
}

/**
 * parseArgs names the flag that it does not know, or that lacks its value, in the first quotes of its
 * message.
 */
function unusableArguments(error: unknown, args: readonly string[]): unknown {
  if (!(error instanceof TypeError)) return error;
  const [sentence = error.message] = error.message.split('. ', 1);
  const named = /'([^']+)'/.exec(sentence)?.[1]?.split(/[ ,]/, 1)[0] ?? 'arguments';
  return new InvalidInputError(named, args.join(' '), sentence.charAt(0).toLowerCase() + sentence.slice(1), {
    cause: error,
  });
}

function commandHelp<Shape extends z.ZodRawShape>(definition: CommandDefinition<Shape>): string {
  const left: string[] = [];
  const right: string[] = [];
  for (const [key, flag] of Object.entries<FlagHelp>(definition.flags)) {
    left.push(flag.placeholder === undefined ? flagName(key) : `${flagName(key)} ${flag.placeholder}`);
    const required = isRequired(definition.schema, key) ? ' Required.' : '';
    right.push(`${flag.help}${required} [${variableName(key)}]`);
  }
  left.push('--help');
  right.push('Prints this text.');
  const width = Math.max(...left.map((text) => text.length));
  const lines = left.map((text, index) => `  ${text.padEnd(width)}  ${right[index] ?? ''}`);
  return [
    `Usage: tsoracle ${definition.name} [options]`,
    '',
    definition.summary,
    '',
    'Options:',
    ...lines,
  ].join('\n');
}

function isRequired(schema: z.ZodObject, key: string): boolean {
  const field = schema.shape[key];
  return field !== undefined && !z.safeParse(field, undefined).success;
}
