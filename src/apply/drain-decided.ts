import { InvalidInputError } from '../errors/index.js';
import { cursorAfter, type DecidedItem } from '../omnipaxos/index.js';
import { type AwaitableSteps, runSync, settled } from './awaitable-steps.js';
import type { DecidedLog } from './decided-log.js';
import { DrainError } from './drain-error.js';
import { readDecided } from './read-decided.js';

/**
 * Folds one item of the decided log into the host's state. A snapshot replaces the state by its value.
 *
 * A fold that throws, or rejects, ends the draining for good: it must have changed nothing then, or be able
 * to live with having changed something. The apply task waits for a promise before it folds the next item;
 * where nothing can wait (`drainDecided`, the engine's `step`), a fold that returns one fails.
 */
export type Fold<E, S> = (item: DecidedItem<E, S>) => void | PromiseLike<void>;

/** How far a drain goes. */
export interface DrainOptions {
  /** How many items to fold at most: a whole number, at least 1. Default: no limit. */
  readonly limit?: number;
}

/**
 * Reads the decided log once, from `cursor` on, and gives each item to `fold`, exactly once and in order.
 *
 * ```ts
 * let cursor = 0; // or how much the host's own durable state covers
 * node.events.on('decided', () => {
 *   cursor = drainDecided(node.log, cursor, (item) => store.fold(item));
 * });
 * ```
 *
 * @returns the new cursor: the index of the first record that has not been folded. Call again with it.
 * @throws {DrainError} with the cursor reached, if the fold throws or returns a promise, or the log cannot be
 * read or breaks its contract; what was read is checked before any of it is folded.
 * @throws {InvalidInputError} if `cursor` or `limit` is not a whole number in range.
 */
export function drainDecided<E, S>(
  log: DecidedLog<E, S>,
  cursor: number,
  fold: Fold<E, S>,
  options: DrainOptions = {},
): number {
  const { limit = Number.MAX_SAFE_INTEGER } = options;
  assertWhole('cursor', cursor, 0);
  assertWhole('limit', limit, 1);
  return runSync(drainSteps(log, cursor, { fold, limit }));
}

/** What {@link drainSteps} does, item by item. */
export interface DrainSteps<E, S> {
  readonly fold: Fold<E, S>;
  readonly limit: number;
  /** Asked before each item; false ends the draining there. */
  readonly keepGoing?: () => boolean;
  /** Told after each item has been folded, with the cursor after it. */
  readonly onFolded?: (item: DecidedItem<E, S>, cursor: number) => void;
}

/** The work of {@link drainDecided}, for callers that may be able to wait. */
export function* drainSteps<E, S>(
  log: DecidedLog<E, S>,
  fromIdx: number,
  { fold, limit, keepGoing, onFolded }: DrainSteps<E, S>,
): AwaitableSteps<number> {
  let cursor = fromIdx;
  try {
    for (const item of readDecided(log, cursor, limit)) {
      if (keepGoing?.() === false) break;
      yield* settled(fold(item));
      cursor = cursorAfter(item);
      onFolded?.(item, cursor);
    }
  } catch (cause) {
    throw new DrainError(cursor, cause);
  }
  return cursor;
}

function assertWhole(field: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new InvalidInputError(
      field,
      value,
      `must be a whole number within [${min}, ${Number.MAX_SAFE_INTEGER}]`,
    );
  }
}
