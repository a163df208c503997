import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { ACK_EVERY_BYTES, ReceiveWindow } from '../../src/transport/bulk-window.js';
import { ConnectionWriter } from '../../src/transport/connection-writer.js';
import type { FrameKind } from '../../src/transport/frame-codec.js';
import { FrameReader } from '../../src/transport/frame-reader.js';
import { Watchdog } from '../../src/transport/watchdog.js';

/** A writer on a socket that takes one write at a time, when the test says so. */
class Bench {
  readonly clock = new VirtualClock();
  readonly received = new ReceiveWindow();
  readonly writer: ConnectionWriter;
  stalledAtMs: number | undefined;
  readonly #taken: (() => void)[] = [];
  readonly #reader = new FrameReader(2 ** 20);

  constructor() {
    const write = (chunk: Buffer, taken: () => void): void => {
      this.#reader.push(chunk);
      this.#taken.push(taken);
    };
    const socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, taken) => write(chunk, taken),
      writev: (chunks, taken) => write(Buffer.concat(chunks.map(({ chunk }) => chunk)), taken),
    });
    this.writer = new ConnectionWriter({
      socket,
      limits: { outboundQueueBytes: 2 ** 26, maxFrameBytes: 2 ** 20, bulkWindowBytes: 2 ** 18 },
      received: this.received,
      stall: new Watchdog({
        clock: this.clock,
        nextTurn: (callback) => void this.clock.setTimer(0, callback),
        timeoutMs: 1_000,
        onExpired: () => {
          this.stalledAtMs = this.clock.monotonicMs();
        },
      }),
    });
    socket.on('drain', () => this.writer.drained());
  }

  /** The socket takes the write that waits. */
  async take(): Promise<void> {
    this.#taken.shift()?.();
    await settleMicrotasks();
  }

  /** The kinds of the frames written since the last call. */
  async written(): Promise<FrameKind[]> {
    await settleMicrotasks();
    const kinds: FrameKind[] = [];
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next())
      kinds.push(frame.kind);
    return kinds;
  }
}

const LARGE = new Uint8Array(200_000);
const SMALL = new Uint8Array(10);

describe('connection writer', () => {
  test('an acknowledgement and urgent messages that come while a large message is written, go before its next frame', async () => {
    const bench = new Bench();
    bench.writer.send(LARGE, false);
    expect(await bench.written()).toEqual(['first']);
    bench.writer.send(SMALL, false);
    bench.writer.send(SMALL, true);
    bench.received.received(ACK_EVERY_BYTES);
    bench.writer.flushSoon();
    expect(await bench.written()).toEqual([]);
    await bench.take();
    expect(await bench.written()).toEqual(['ack', 'urgent', 'more']);
  });

  test('nothing is taken or acknowledged for the deadline, it is told', async () => {
    const bench = new Bench();
    bench.writer.send(LARGE, false);
    await settleMicrotasks();
    bench.clock.advance(999);
    expect(bench.stalledAtMs).toBeUndefined();
    bench.clock.advance(1);
    expect(bench.stalledAtMs).toBe(1_000);
  });

  test('one write takes its time, and acknowledgements of what went before come in, nothing is told', async () => {
    const bench = new Bench();
    bench.writer.send(LARGE, false);
    await bench.written();
    for (const bytes of [10_000, 20_000, 30_000]) {
      bench.clock.advance(900);
      bench.writer.acknowledged(bytes);
    }
    bench.clock.advance(900);
    expect(bench.stalledAtMs).toBeUndefined();
  });

  test('nothing waits, nothing is told, however long nobody acknowledges', async () => {
    const bench = new Bench();
    bench.writer.send(SMALL, false);
    bench.writer.send(SMALL, true);
    expect(await bench.written()).toEqual(['urgent', 'whole']);
    await bench.take();
    bench.clock.advance(60_000);
    expect(bench.stalledAtMs).toBeUndefined();
    expect(bench.clock.armedTimers).toBe(0);
  });

  test('stopped, nothing is written and no timer is left', async () => {
    const bench = new Bench();
    bench.writer.send(LARGE, false);
    bench.writer.stop();
    expect(bench.writer.send(SMALL, true)).toBe(false);
    expect(await bench.written()).toEqual([]);
    expect(bench.clock.armedTimers).toBe(0);
  });
});
