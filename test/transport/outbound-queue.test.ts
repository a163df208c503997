import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/codec/index.js';
import { ACK_EVERY_BYTES, ReceiveWindow, SendWindow } from '../../src/transport/bulk-window.js';
import { Fifo } from '../../src/transport/fifo.js';
import { decodeFrame, FRAME_OVERHEAD_BYTES } from '../../src/transport/frame-codec.js';
import { MessageReceiver } from '../../src/transport/message-receiver.js';
import { OutboundQueue } from '../../src/transport/outbound-queue.js';

const LIMITS = { outboundQueueBytes: 1_000, maxFrameBytes: 100 };

/** Takes all bulk frames and joins them as a receiver does. */
function throughReceiver(queue: OutboundQueue, maxFrameBytes: number): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const receiver = new MessageReceiver(2 ** 28, new ReceiveWindow(), {
    onMessage: (bytes) => messages.push(Uint8Array.from(bytes)),
    onAck: () => {},
    onAckDue: () => {},
  });
  for (let frame = queue.takeBulk(); frame !== undefined; frame = queue.takeBulk()) {
    expect(frame.length).toBeLessThanOrEqual(maxFrameBytes);
    receiver.onFrame(decodeFrame(frame));
  }
  return messages;
}

describe('outbound queue', () => {
  test('messages of any lengths, arrive whole and in order, in frames within the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 5 }), (messages) => {
        const queue = new OutboundQueue({ ...LIMITS, outboundQueueBytes: 10_000 });
        for (const message of messages) expect(queue.pushBulk(message)).toBe(true);
        expect(throughReceiver(queue, 100)).toEqual(messages);
        expect(queue.bytes).toBe(0);
        expect(queue.isEmpty).toBe(true);
      }),
    );
  });

  test('a message just at and just above one frame, goes in one and in two', () => {
    const room = 100 - FRAME_OVERHEAD_BYTES;
    for (const [bytes, frames] of [
      [room, 1],
      [room + 1, 2],
      [room - 4 + room, 2],
      [room - 4 + room + 1, 3],
    ] as const) {
      const queue = new OutboundQueue(LIMITS);
      queue.pushBulk(new Uint8Array(bytes));
      let taken = 0;
      while (queue.takeBulk() !== undefined) taken += 1;
      expect(taken).toBe(frames);
    }
  });

  // T04
  test('frames of a large message, are small enough for urgent ones to go between, however large frames may be', () => {
    const queue = new OutboundQueue({ outboundQueueBytes: 2 ** 26, maxFrameBytes: 2 ** 20 });
    queue.pushBulk(new Uint8Array(2 ** 20));
    expect(queue.takeBulk()?.length).toBeLessThanOrEqual(64 * 1_024);
    queue.pushUrgent(Uint8Array.of(1));
    expect(queue.takeUrgent()?.length).toBe(1 + FRAME_OVERHEAD_BYTES);
    expect(queue.takeBulk()?.length).toBeLessThanOrEqual(64 * 1_024);
  });

  test('full, takes no more until something has left', () => {
    const queue = new OutboundQueue(LIMITS);
    expect(queue.pushBulk(new Uint8Array(999))).toBe(true);
    expect(queue.pushBulk(new Uint8Array(400))).toBe(true);
    expect(queue.pushBulk(new Uint8Array(1))).toBe(false);
    expect(queue.bytes).toBe(1_399);
    while (queue.bytes > 400) queue.takeBulk();
    expect(queue.pushBulk(new Uint8Array(1))).toBe(true);
  });

  test('a message larger than the whole queue, is taken while the queue is not full', () => {
    const queue = new OutboundQueue(LIMITS);
    expect(queue.pushBulk(new Uint8Array(5_000))).toBe(true);
    expect(queue.pushBulk(new Uint8Array(5_000))).toBe(false);
    expect(throughReceiver(queue, 100)).toEqual([new Uint8Array(5_000)]);
  });

  // T04
  test('the bulk lane full, the urgent lane still takes messages, up to a bound of its own', () => {
    const queue = new OutboundQueue(LIMITS);
    queue.pushBulk(new Uint8Array(1_000));
    expect(queue.pushBulk(new Uint8Array(1))).toBe(false);
    let taken = 0;
    while (queue.pushUrgent(new Uint8Array(100))) taken += 1;
    expect(taken).toBeGreaterThan(100);
    expect(queue.bytes).toBeLessThan(80_000);
  });
});

describe('fifo', () => {
  test('any pushes and shifts, equal those of an array', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 20 }), (runs) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const run of runs) {
          for (let i = 0; i < run; i++) {
            fifo.push(next);
            model.push(next++);
          }
          for (let i = 0; i < -run; i++) expect(fifo.shift()).toBe(model.shift());
          expect(fifo.length).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('bulk window', () => {
  test('a sender and a receiver, never both wait, and never more than the window and a frame is on its way', () => {
    const frameBytes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 60 });
    const windows = fc.integer({ min: ACK_EVERY_BYTES, max: 300_000 });
    fc.assert(
      fc.property(frameBytes, windows, (frames, windowBytes) => {
        const sender = new SendWindow(windowBytes);
        const receiver = new ReceiveWindow();
        let onItsWay = 0;
        for (const bytes of frames) {
          if (!sender.isOpen) {
            // All that is on its way arrives.
            receiver.received(onItsWay);
            onItsWay = 0;
            const ack = receiver.takeAck();
            expect(ack).toBeDefined();
            sender.acknowledge(ack ?? 0);
            expect(sender.isOpen).toBe(true);
          }
          sender.sent(bytes);
          onItsWay += bytes;
          expect(onItsWay).toBeLessThan(windowBytes + 70_000);
        }
      }),
    );
  });

  test('what was not sent acknowledged, or less than before, is refused', () => {
    const sender = new SendWindow(ACK_EVERY_BYTES);
    sender.sent(10);
    sender.acknowledge(8);
    expect(() => sender.acknowledge(7)).toThrow(MalformedError);
    expect(() => sender.acknowledge(11)).toThrow(MalformedError);
    sender.acknowledge(10);
  });

  test('little received, is not acknowledged yet', () => {
    const receiver = new ReceiveWindow();
    receiver.received(ACK_EVERY_BYTES - 1);
    expect(receiver.takeAck()).toBeUndefined();
    receiver.received(1);
    expect(receiver.takeAck()).toBe(ACK_EVERY_BYTES);
    expect(receiver.takeAck()).toBeUndefined();
  });
});
