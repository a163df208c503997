/** Fields of a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where a component tells what happens, in the convention of pino: fields first, then a sentence. Every method returns at once
 * and never throws.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: LogFields): Logger;
}

/** Says nothing. The default everywhere: a library is silent unless it is given a logger. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
