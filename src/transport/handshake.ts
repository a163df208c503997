import { ByteReader, ByteWriter, MalformedError } from '../codec/index.js';
import type { NodeId } from '../omnipaxos/index.js';
import { encodeFrame, type Frame } from './frame-codec.js';
import { decodeHello, encodeHello, ProtocolVersionError } from './hello-codec.js';
import type { Admission, Hello } from './peer-transport.js';

/** The largest frame of a handshake: whoever has not been admitted makes nobody hold more. */
export const HANDSHAKE_FRAME_BYTES_MAX = 64 * 1_024;

const REASON_CHARS_MAX = 500;

/** How a handshake ends, unless the connection ends before it. */
export type HandshakeOutcome =
  /** Both sides use the connection from now on. */
  | { readonly kind: 'established'; readonly peer: Hello; readonly generation: number }
  /** One of the sides refuses the other. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Another connection to the same peer is used instead. */
  | { readonly kind: 'redundant' }
  /** This side cannot judge. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** What a handshake asks, and what it tells. */
export interface HandshakeHandlers {
  /** This node's Hello. */
  readonly hello: () => Hello;
  /** The verdict on the peer's Hello. */
  readonly admit: (peer: Hello) => Promise<Admission>;
  /**
   * Asked on the side with the lower node id, once both have admitted each other: the generation of the connection, or undefined if it
   * is not to be used.
   */
  readonly establish: (peer: Hello) => number | undefined;
  readonly write: (frame: Buffer) => void;
  /** Told once. The handshake is over then. */
  readonly onOutcome: (outcome: HandshakeOutcome) => void;
}

/**
 * The handshake of one connection, the same on both sides but for its end.
 *
 * 1. Each side sends its `hello`, and judges the other's.
 * 2. A side that refuses says why (`refused`), and the connection ends.
 * 3. The side with the higher node id says that it admits the peer (`admitted`).
 * 4. The side with the lower node id, once it admits the peer and has been admitted, decides: it says `established`, with a generation
 *    that rises with each connection between the two, or closes.
 *
 * Since one side decides, both agree on which of two connections is the newer one, in whatever order they see them.
 */
export class Handshake {
  readonly #nodeId: NodeId;
  readonly #handlers: HandshakeHandlers;
  #peer: Hello | undefined;
  /** Whether this side admits the peer. */
  #admits = false;
  /** Whether the peer has said that it admits this side; only the lower node id is told so. */
  #isAdmitted = false;
  #isOver = false;

  constructor(nodeId: NodeId, handlers: HandshakeHandlers) {
    this.#nodeId = nodeId;
    this.#handlers = handlers;
  }

  /** The peer as it states to be, as soon as it has; nothing about it has been verified. */
  get claimedPeer(): Hello | undefined {
    return this.#peer;
  }

  /** Bytes may be written from now on. */
  begin(): void {
    try {
      this.#handlers.write(encodeFrame('hello', encodeHello(this.#handlers.hello())));
    } catch (error) {
      this.#end({ kind: 'failed', error });
    }
  }

  /** The connection has ended; no outcome will be told. */
  cancel(): void {
    this.#isOver = true;
  }

  /** @throws {MalformedError} for a frame that has no place here. */
  onFrame(frame: Frame): void {
    if (this.#isOver) return;
    switch (frame.kind) {
      case 'hello':
        if (this.#peer !== undefined) break;
        this.#onHello(frame.payload);
        return;
      case 'admitted':
        if (this.#peer === undefined || !this.#decides(this.#peer) || this.#isAdmitted) break;
        this.#isAdmitted = true;
        this.#decide(this.#peer);
        return;
      case 'established':
        if (this.#peer === undefined || this.#decides(this.#peer) || !this.#admits) break;
        this.#end({ kind: 'established', peer: this.#peer, generation: readGeneration(frame.payload) });
        return;
      case 'refused':
        this.#end({ kind: 'refused', reason: `it refuses this node: ${readReason(frame.payload)}` });
        return;
      default:
    }
    throw new MalformedError(`a frame of kind ${frame.kind} has no place in the handshake`);
  }

  #onHello(payload: Uint8Array): void {
    try {
      this.#peer = decodeHello(payload);
    } catch (error) {
      if (!(error instanceof ProtocolVersionError)) throw error;
      this.#refuse(error.message);
      return;
    }
    void this.#judge(this.#peer);
  }

  async #judge(peer: Hello): Promise<void> {
    try {
      const admission = await this.#handlers.admit(peer);
      if (this.#isOver) return;
      if (admission.ok) this.#admit(peer);
      else this.#refuse(admission.reason);
    } catch (error) {
      this.#end({ kind: 'failed', error });
    }
  }

  #admit(peer: Hello): void {
    this.#admits = true;
    if (this.#decides(peer)) this.#decide(peer);
    else this.#handlers.write(encodeFrame('admitted'));
  }

  #refuse(reason: string): void {
    this.#handlers.write(encodeFrame('refused', Buffer.from(reason.slice(0, REASON_CHARS_MAX))));
    this.#end({ kind: 'refused', reason: `it is refused: ${reason}` });
  }

  #decides(peer: Hello): boolean {
    return this.#nodeId < peer.nodeId;
  }

  #decide(peer: Hello): void {
    if (!this.#admits || !this.#isAdmitted) return;
    const generation = this.#handlers.establish(peer);
    if (generation === undefined) {
      this.#end({ kind: 'redundant' });
      return;
    }
    this.#handlers.write(encodeFrame('established', generationBytes(generation)));
    this.#end({ kind: 'established', peer, generation });
  }

  #end(outcome: HandshakeOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handlers.onOutcome(outcome);
  }
}

function generationBytes(generation: number): Uint8Array {
  const writer = new ByteWriter();
  writer.u64(generation, 'generation');
  return writer.finish();
}

function readGeneration(payload: Uint8Array): number {
  const reader = new ByteReader(payload);
  const generation = reader.u64();
  reader.end();
  return generation;
}

/** What a stranger says, made fit for a log line. */
function readReason(payload: Uint8Array): string {
  return Buffer.from(payload)
    .toString('utf8')
    .slice(0, REASON_CHARS_MAX)
    .replaceAll(/\p{Cc}/gu, ' ');
}
