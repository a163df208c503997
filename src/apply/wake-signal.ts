/**
 * A flag that one waiter can wait for. Setting it while nobody waits is remembered until it is cleared, so
 * that a wake-up between a check and the wait that follows it is never lost: clear, check, then wait.
 */
export class WakeSignal {
  #isSet = false;
  #wakeWaiter: (() => void) | undefined;

  set(): void {
    this.#isSet = true;
    this.#wakeWaiter?.();
    this.#wakeWaiter = undefined;
  }

  clear(): void {
    this.#isSet = false;
  }

  /** Resolves when the flag is set; at once if it is. */
  wait(): Promise<void> {
    if (this.#isSet) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeWaiter = resolve;
    });
  }
}
