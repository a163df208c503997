import pino from 'pino';
import type { LogFields, Logger } from '../runtime/index.js';

/** How much is logged; `silent` is nothing at all. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * How many characters may wait for a slow reader of stderr; what comes on top of them is dropped, so that a
 * log never holds up a node.
 */
const PENDING_LOG_LENGTH_MAX = 1024 * 1024;

/** A logger that writes JSON lines to stderr, without ever waiting for its reader. */
export function createLogger(level: LogLevel, fields: LogFields): Logger {
  const destination = pino.destination({ fd: 2, sync: false, maxLength: PENDING_LOG_LENGTH_MAX });
  return pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
