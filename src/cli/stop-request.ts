import { constants } from 'node:os';

/** Asks a process to stop, once; whoever works watches the signal. */
export interface StopRequest {
  /** Aborted when the process has been asked to stop. */
  readonly signal: AbortSignal;
  /** Asks from within. Only the first reason counts. */
  stop(reason: StopReason): void;
  /** Gives the process's signals and its channel to the parent back. */
  [Symbol.dispose](): void;
}

/** Why a process stops. */
export type StopReason = NodeJS.Signals | 'parent gone' | 'output closed' | 'finished';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface StopRequestOptions {
  /** Runs synchronously before the process ends at once by a second signal: the last chance to end children. */
  readonly beforeSudden?: () => void;
}

/**
 * Listens for everything that asks this process to stop: SIGINT, SIGTERM, and the end of the IPC channel if the process was started
 * with one (`child_process.fork`; then its parent is gone), and the end of whoever reads its stdout. The first signal only aborts `signal`; a second one ends
 * the process at once, with exit code 128 + its number.
 */
export function listenForStop(options: StopRequestOptions = {}): StopRequest {
  const controller = new AbortController();
  const stop = (reason: StopReason): void => controller.abort(reason);
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      stop(signal);
      return;
    }
    options.beforeSudden?.();
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
    stop,
    [Symbol.dispose]() {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
      process.off('disconnect', onDisconnect);
      process.stdout.off('error', onOutputError);
    },
  };
}
