/**
 * Calls `callback` in a later turn of the event loop, after sockets have been read. Virtual worlds pass a function of their own in
 * its place.
 */
export type NextTurn = (callback: () => void) => void;

/** The machine's own event loop. A pending callback keeps the process alive. */
export const systemNextTurn: NextTurn = (callback) => void setImmediate(callback);
