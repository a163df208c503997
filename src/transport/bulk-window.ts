import { MalformedError } from '../codec/index.js';

/** After how many bytes of bulk frames a receiver acknowledges. No window may be smaller, or both sides would wait for ever. */
export const ACK_EVERY_BYTES = 32 * 1_024;

/**
 * How much of the bulk lane is on its way. What the kernel and the link have taken cannot be overtaken any more, and a kernel takes
 * megabytes: without a window, heartbeats would wait behind them for seconds on a slow link.
 */
export class SendWindow {
  readonly #windowBytes: number;
  #sentBytes = 0;
  #acknowledgedBytes = 0;

  /** @param windowBytes once so many bytes are on their way, further ones wait: at least {@link ACK_EVERY_BYTES}. */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Whether a bulk frame may be sent. It may reach beyond the window, once. */
  get isOpen(): boolean {
    return this.#sentBytes - this.#acknowledgedBytes < this.#windowBytes;
  }

  sent(frameBytes: number): void {
    this.#sentBytes += frameBytes;
  }

  /**
   * @param totalBytes how many have arrived since the connection began.
   * @throws {MalformedError} if that is below what was told before, or above what was sent.
   */
  acknowledge(totalBytes: number): void {
    if (totalBytes < this.#acknowledgedBytes || totalBytes > this.#sentBytes) {
      throw new MalformedError(
        `${totalBytes} bytes are acknowledged, outside of [${this.#acknowledgedBytes}, ${this.#sentBytes}]`,
      );
    }
    this.#acknowledgedBytes = totalBytes;
  }
}

/** Counts what arrives on the bulk lane, and says when to acknowledge it. */
export class ReceiveWindow {
  #receivedBytes = 0;
  #acknowledgedBytes = 0;

  received(frameBytes: number): void {
    this.#receivedBytes += frameBytes;
  }

  get isAckDue(): boolean {
    return this.#receivedBytes - this.#acknowledgedBytes >= ACK_EVERY_BYTES;
  }

  /** What to acknowledge now; undefined if it is too early. */
  takeAck(): number | undefined {
    if (!this.isAckDue) return undefined;
    this.#acknowledgedBytes = this.#receivedBytes;
    return this.#receivedBytes;
  }
}
