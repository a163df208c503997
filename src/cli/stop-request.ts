import { constants } from 'node:os';
import { type Clock, systemClock } from '../runtime/index.js';

/** Asks a process to stop, once; whoever works watches the signal. */
export interface StopRequest {
  /** Aborted when the process has been asked to stop; its reason is a {@link StopReason}, the first one. */
  readonly signal: AbortSignal;
  /** Gives the process's signals and its channel to the parent back. */
  [Symbol.dispose](): void;
}

/** Why a process stops. */
export type StopReason = NodeJS.Signals | 'parent gone' | 'output closed';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * For how many ms after the first signal the same one again counts as the same request: one Ctrl-C under `npm
 * start` comes twice, from the terminal to the whole process group, and once more from npm.
 */
const SAME_REQUEST_MS = 300;

export interface StopRequestOptions {
  /**
   * Runs synchronously before the process ends at once by a second signal: the last chance to end children.
   */
  readonly beforeSudden?: () => void;
  readonly clock?: Clock;
}

/**
 * Listens for everything that asks this process to stop: SIGINT and SIGTERM, the end of the IPC channel if
 * the process was started with one (`child_process.fork`; then its parent is gone), and the end of whoever
 * reads its stdout. The first of them only aborts `signal`; a signal after it ends the process at once, with
 * exit code 128 + its number.
 */
export function listenForStop(options: StopRequestOptions = {}): StopRequest {
  const { beforeSudden, clock = systemClock } = options;
  const controller = new AbortController();
  let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  const stop = (reason: StopReason): void => controller.abort(reason);
  const onSignal = (signal: NodeJS.Signals): void => {
    const atMs = clock.monotonicMs();
    if (!controller.signal.aborted) {
      first = { signal, atMs };
      stop(signal);
      return;
    }
    if (first?.signal === signal && atMs - first.atMs < SAME_REQUEST_MS) return;
    beforeSudden?.();
    process.exit(128 + constants.signals[signal]);
  };
  const onDisconnect = (): void => stop('parent gone');
  const onOutputError = (): void => stop('output closed');
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  process.stdout.on('error', onOutputError);
  // `connected` is undefined without a channel, and false if the parent was gone before this line ran.
  if (process.connected === false) onDisconnect();
  else if (process.connected === true) process.on('disconnect', onDisconnect);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      process.off('disconnect', onDisconnect);
      process.stdout.off('error', onOutputError);
    },
  };
}
