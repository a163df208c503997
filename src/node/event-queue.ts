import type { EventEmitter } from 'eventemitter3';
import { unreachable } from '../errors/index.js';
import type { ClusterConfig } from '../omnipaxos/index.js';
import { emitGuarded } from '../runtime/index.js';
import type { NodeLeadership, PaxosNodeEvents } from './node-events.js';
import type { StopReason } from './stop-reason.js';

/** An event that waits for the step that caused it to be complete. */
export type NodeEvent =
  | { readonly name: 'decided'; readonly decidedIdx: number }
  | { readonly name: 'leadership'; readonly leadership: NodeLeadership }
  | { readonly name: 'configuration'; readonly config: ClusterConfig }
  | { readonly name: 'stopped'; readonly reason: StopReason };

/** Tells events in the order in which they happened, also if listeners cause further ones. */
export class EventQueue {
  readonly #emitter: EventEmitter<PaxosNodeEvents>;
  readonly #onListenerError: (error: unknown, event: NodeEvent['name']) => void;
  readonly #waiting: NodeEvent[] = [];
  #telling = false;

  constructor(
    emitter: EventEmitter<PaxosNodeEvents>,
    onListenerError: (error: unknown, event: NodeEvent['name']) => void,
  ) {
    this.#emitter = emitter;
    this.#onListenerError = onListenerError;
  }

  push(event: NodeEvent): void {
    this.#waiting.push(event);
  }

  /** Tells all that waits. Called by a listener it returns at once: the call that is telling goes on with what was added. */
  tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      this.#emit(event);
    }
    this.#telling = false;
  }

  #emit(event: NodeEvent): void {
    const onError = (error: unknown): void => this.#onListenerError(error, event.name);
    switch (event.name) {
      case 'decided':
        emitGuarded(this.#emitter, 'decided', [event.decidedIdx], onError);
        return;
      case 'leadership':
        emitGuarded(this.#emitter, 'leadership', [event.leadership], onError);
        return;
      case 'configuration':
        emitGuarded(this.#emitter, 'configuration', [event.config], onError);
        return;
      case 'stopped':
        emitGuarded(this.#emitter, 'stopped', [event.reason], onError);
        return;
      default:
        unreachable(event);
    }
  }
}
