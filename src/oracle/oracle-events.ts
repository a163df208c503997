import { EventEmitter } from 'eventemitter3';
import type { Epoch } from '../consensus/index.js';
import { emitGuarded } from '../runtime/index.js';
import type { OracleState } from './oracle-state.js';

/** What an oracle tells. Each event is told after the fact, in the turn in which it has happened. */
export interface OracleEvents {
  /** The role or the epoch has changed. */
  readonly state: (state: OracleState) => void;
  /** The window of the present leadership now reaches up to `limitMs`. */
  readonly extended: (window: { readonly epoch: Epoch; readonly limitMs: number }) => void;
}

type Told = { readonly [Name in keyof OracleEvents]: readonly [Name, ...Parameters<OracleEvents[Name]>] };

/** Tells events to all listeners in the order in which they have happened, also if a listener causes further ones. */
export class OracleEventTeller {
  readonly emitter = new EventEmitter<OracleEvents>();
  readonly #onListenerError: (error: unknown) => void;
  readonly #untold: Told[keyof Told][] = [];
  #isTelling = false;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Tells the event now; called by a listener, as soon as the event that it listens to has been told to all. */
  tell(...event: Told[keyof Told]): void {
    this.#untold.push(event);
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) this.#emit(next);
    this.#isTelling = false;
  }

  #emit([name, argument]: Told[keyof Told]): void {
    if (name === 'state') emitGuarded(this.emitter, name, [argument], this.#onListenerError);
    else emitGuarded(this.emitter, name, [argument], this.#onListenerError);
  }
}
