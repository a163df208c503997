import { describeValue } from '../../src/errors/index.js';

/**
 * Waits until `condition` holds, looking at it again after each round of the event loop; fails after
 * `boundMs` of real time.
 */
export async function until(what: string, condition: () => boolean, boundMs = 5_000): Promise<void> {
  const end = performance.now() + boundMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${describeValue(boundMs)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/**
 * Waits until this process has no socket and no connection attempt left that would keep it alive: what was
 * closed is gone a moment later. Timers are not looked at: the test runner has its own.
 */
export async function untilNoHandles(): Promise<void> {
  const open = (): string[] =>
    process.getActiveResourcesInfo().filter((kind) => /^(TCP|TLS|Connect|GetAddrInfo)/.test(kind));
  await until('no handle is left', () => open().length === 0).catch((cause: unknown) => {
    throw new Error(`left open: ${open().join(', ')}`, { cause });
  });
}
