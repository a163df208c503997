export type { Clock, Timer } from './clock.js';
export { systemClock } from './clock.js';
export type { DeadlineOptions, Deferred } from './deadline.js';
export { deferWithDeadline, delay, withResolvers } from './deadline.js';
export type { LogFields, Logger } from './logger.js';
export { silentLogger } from './logger.js';
export type { Random } from './random.js';
export { systemRandom } from './random.js';
