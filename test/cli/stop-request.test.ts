import { afterEach, describe, expect, test, vi } from 'vitest';
import { listenForStop, type StopRequest } from '../../src/cli/stop-request.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

class Exit extends Error {}

let request: StopRequest | undefined;

afterEach(() => {
  request?.[Symbol.dispose]();
  vi.restoreAllMocks();
});

/** Listens on this very process; signals are told to it as Node would, and its end is caught. */
function listen() {
  const clock = new VirtualClock();
  const exits: (number | string | null | undefined)[] = [];
  let sudden = 0;
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    exits.push(code);
    throw new Exit();
  });
  const before = [...process.listeners('SIGINT'), ...process.listeners('SIGTERM')];
  const stop = listenForStop({ clock, beforeSudden: () => void sudden++ });
  request = stop;
  const send = (name: 'SIGINT' | 'SIGTERM'): void => {
    for (const listener of process.listeners(name)) {
      if (before.includes(listener)) continue;
      try {
        listener(name);
      } catch (error) {
        if (!(error instanceof Exit)) throw error;
      }
    }
  };
  return { clock, exits, send, stop, sudden: () => sudden };
}

describe('stop request', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s, asks to stop and ends nothing', (name) => {
    const { exits, send, stop } = listen();
    expect(stop.signal.aborted).toBe(false);
    send(name);
    expect(stop.signal.aborted).toBe(true);
    expect(stop.signal.reason).toBe(name);
    expect(exits).toEqual([]);
  });

  test('the same signal twice at one key press, is one request; later it is a second one', () => {
    const { clock, exits, send, sudden } = listen();
    send('SIGINT');
    clock.advance(50);
    send('SIGINT');
    expect(exits).toEqual([]);
    clock.advance(300);
    send('SIGINT');
    expect(exits).toEqual([130]);
    expect(sudden()).toBe(1);
  });

  test('another signal after the first, ends the process at once', () => {
    const { exits, send, sudden } = listen();
    send('SIGINT');
    send('SIGTERM');
    expect(exits).toEqual([143]);
    expect(sudden()).toBe(1);
  });

  test('a signal while it stops for another reason, ends the process at once', () => {
    const { exits, send, stop } = listen();
    process.stdout.emit('error', new Error('EPIPE'));
    send('SIGTERM');
    expect(exits).toEqual([143]);
    expect(stop.signal.reason).toBe('output closed');
  });

  test('disposed, leaves no listener behind', () => {
    const names = ['SIGINT', 'SIGTERM', 'disconnect'] as const;
    const count = (): number[] => [
      ...names.map((name) => process.listenerCount(name)),
      process.stdout.listenerCount('error'),
    ];
    const before = count();
    const { stop } = listen();
    stop[Symbol.dispose]();
    expect(count()).toEqual(before);
  });
});
