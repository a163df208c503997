import type { Duplex } from 'node:stream';
import { ByteWriter } from '../codec/index.js';
import { type ReceiveWindow, SendWindow } from './bulk-window.js';
import { encodeFrame } from './frame-codec.js';
import { OutboundQueue, type OutboundQueueLimits } from './outbound-queue.js';
import type { Watchdog } from './watchdog.js';

/** What a connection writer is made of. */
export interface ConnectionWriterOptions {
  readonly socket: Duplex;
  readonly limits: OutboundQueueLimits & { readonly bulkWindowBytes: number };
  /** What has arrived, to be acknowledged. */
  readonly received: ReceiveWindow;
  /** Runs while something waits; touched whenever the peer takes something. */
  readonly stall: Watchdog;
}

/**
 * Writes what is to be sent over one established connection: at the end of the turn, all of a turn in one go, acknowledgements and urgent
 * messages first, bulk frames as the window allows, and nothing while the socket asks to wait.
 */
export class ConnectionWriter {
  readonly #socket: Duplex;
  readonly #received: ReceiveWindow;
  readonly #stall: Watchdog;
  readonly #queue: OutboundQueue;
  readonly #window: SendWindow;
  #isFlushQueued = false;
  /** Whether the socket has asked to wait for its `drain`. */
  #isBlocked = false;
  #isStopped = false;

  constructor({ socket, limits, received, stall }: ConnectionWriterOptions) {
    this.#socket = socket;
    this.#received = received;
    this.#stall = stall;
    this.#queue = new OutboundQueue(limits);
    this.#window = new SendWindow(limits.bulkWindowBytes);
  }

  /** @returns false if the message was dropped, because its lane is full. */
  send(message: Uint8Array, isUrgent: boolean): boolean {
    if (this.#isStopped) return false;
    const isTaken = isUrgent ? this.#queue.pushUrgent(message) : this.#queue.pushBulk(message);
    if (isTaken) this.flushSoon();
    return isTaken;
  }

  /**
   * The peer has acknowledged so many bytes of bulk frames.
   * @throws {MalformedError} if that cannot be.
   */
  acknowledged(totalBytes: number): void {
    this.#window.acknowledge(totalBytes);
    this.#stall.touch();
    this.flushSoon();
  }

  /** The socket takes more. */
  drained(): void {
    this.#isBlocked = false;
    this.#stall.touch();
    this.#flush();
  }

  /** Writes at the end of this turn what can be written. */
  flushSoon(): void {
    if (this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    queueMicrotask(() => {
      this.#isFlushQueued = false;
      this.#flush();
    });
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#isStopped = true;
    this.#stall.stop();
  }

  #flush(): void {
    if (this.#isStopped) return;
    this.#socket.cork();
    while (!this.#isBlocked) {
      const frame = this.#nextFrame();
      if (frame === undefined) break;
      this.#isBlocked = !this.#socket.write(frame);
    }
    this.#socket.uncork();
    this.#watchStall();
  }

  #nextFrame(): Buffer | undefined {
    const ack = this.#received.takeAck();
    if (ack !== undefined) return ackFrame(ack);
    const urgent = this.#queue.takeUrgent();
    if (urgent !== undefined) return urgent;
    if (!this.#window.isOpen) return undefined;
    const bulk = this.#queue.takeBulk();
    if (bulk !== undefined) this.#window.sent(bulk.length);
    return bulk;
  }

  #watchStall(): void {
    const isWaiting = this.#isBlocked || !this.#queue.isEmpty;
    if (!isWaiting) this.#stall.stop();
    else if (!this.#stall.isRunning) this.#stall.start();
  }
}

function ackFrame(totalBytes: number): Buffer {
  const writer = new ByteWriter();
  writer.u64(totalBytes, 'ack');
  return encodeFrame('ack', writer.finish());
}
