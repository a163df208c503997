import type { EventEmitter } from 'eventemitter3';

/**
 * Tells an event to every listener, in the order in which they were added, each of them guarded: what one of
 * them throws, or rejects with, goes to `onError` and keeps the event from nobody else. (eventemitter3's own
 * `emit` ends at the first listener that throws.)
 *
 * One-time listeners are removed before they are called. Every listener is called with the emitter as `this`:
 * the `context` argument of `on` and `once` has no effect.
 */
export function emitGuarded<Events extends object, Name extends EventEmitter.EventNames<Events>>(
  emitter: EventEmitter<Events>,
  name: Name,
  args: EventEmitter.EventArgs<Events, Name>,
  onError: (error: unknown) => void,
): void {
  for (const listener of emitter.listeners(name)) {
    emitter.removeListener(name, listener, undefined, true);
    try {
      const result: unknown = Reflect.apply(listener, emitter, args);
      if (result instanceof Promise) result.catch(onError);
    } catch (error) {
      onError(error);
    }
  }
}
