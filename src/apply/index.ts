export type { DecidedLog } from './decided-log.js';
