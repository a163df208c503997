import type { Message, NodeId } from '../omnipaxos/index.js';
import type { NextTurn } from '../runtime/index.js';

/** What comes from the transport, in its order. */
export type Inbound<E, S> =
  | { readonly kind: 'message'; readonly message: Message<E, S> }
  /** A new connection to this peer is up: messages after it came over that one. */
  | { readonly kind: 'connected'; readonly nodeId: NodeId };

/** What an inbound queue is made of. */
export interface InboundQueueOptions<E, S> {
  /** How many messages may wait; further ones are dropped, as a network may drop them. */
  readonly limit: number;
  /** How many are handled in one turn of the event loop. */
  readonly perTurn: number;
  readonly nextTurn: NextTurn;
  /** Handles these, in order, before it returns. */
  readonly handle: (inbound: readonly Inbound<E, S>[]) => void;
}

/**
 * Gathers what the transport delivers in one turn, so that its handling ends in one output batch, and spreads a flood over several turns, so that
 * timers and other sockets get theirs.
 */
export class InboundQueue<E, S> {
  readonly #options: InboundQueueOptions<E, S>;
  #waiting: Inbound<E, S>[] = [];
  #isDue = false;
  #ended = false;
  #dropped = 0;

  constructor(options: InboundQueueOptions<E, S>) {
    this.#options = options;
  }

  /** How many messages were dropped since the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  push(inbound: Inbound<E, S>): void {
    if (this.#ended) return;
    // The end of a connection's messages must not be lost: whoever misses it takes lost messages for late ones.
    if (inbound.kind === 'message' && this.#waiting.length >= this.#options.limit) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(inbound);
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => this.#handleNext());
  }

  /** Forgets what waits, and takes nothing more. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  #handleNext(): void {
    this.#isDue = false;
    if (this.#ended) return;
    this.#options.handle(this.#waiting.splice(0, this.#options.perTurn));
    if (this.#waiting.length === 0 || this.#isDue) return;
    this.#isDue = true;
    this.#options.nextTurn(() => this.#handleNext());
  }
}
