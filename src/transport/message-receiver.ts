import { ByteReader, MalformedError } from '../codec/index.js';
import type { ReceiveWindow } from './bulk-window.js';
import { FRAME_OVERHEAD_BYTES, type Frame } from './frame-codec.js';
import { MessageAssembler } from './message-assembler.js';

/** What a message receiver tells. */
export interface MessageReceiverHandlers {
  /** A message's bytes: a view of memory that is never written again. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The peer has acknowledged so many bytes of bulk frames. */
  readonly onAck: (totalBytes: number) => void;
  /** The peer should be told what has arrived. */
  readonly onAckDue: () => void;
}

/** Makes messages out of the frames of an established connection. */
export class MessageReceiver {
  readonly #handlers: MessageReceiverHandlers;
  readonly #received: ReceiveWindow;
  readonly #assembler: MessageAssembler;

  constructor(maxMessageBytes: number, received: ReceiveWindow, handlers: MessageReceiverHandlers) {
    this.#assembler = new MessageAssembler(maxMessageBytes);
    this.#received = received;
    this.#handlers = handlers;
  }

  /** @throws {MalformedError} for a frame that has no place here, and whatever the handlers throw. */
  onFrame({ kind, payload }: Frame): void {
    switch (kind) {
      case 'urgent':
        this.#handlers.onMessage(payload);
        return;
      case 'ack':
        this.#handlers.onAck(readAck(payload));
        return;
      case 'whole':
        this.#assembler.requireClosed();
        this.#onBulk(payload, payload);
        return;
      case 'first':
        this.#onBulk(payload, this.#assembler.first(payload));
        return;
      case 'more':
        this.#onBulk(payload, this.#assembler.more(payload));
        return;
      default:
        throw new MalformedError(`a frame of kind ${kind} has no place after the handshake`);
    }
  }

  #onBulk(payload: Uint8Array, message: Uint8Array | undefined): void {
    this.#received.received(payload.length + FRAME_OVERHEAD_BYTES);
    if (this.#received.isAckDue) this.#handlers.onAckDue();
    if (message !== undefined) this.#handlers.onMessage(message);
  }
}

function readAck(payload: Uint8Array): number {
  const reader = new ByteReader(payload);
  const totalBytes = reader.u64();
  reader.end();
  return totalBytes;
}
