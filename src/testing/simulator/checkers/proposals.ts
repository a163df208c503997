import type { Epoch } from '../../../consensus/index.js';
import type { HighWaterCommand } from '../../../high-water/index.js';
import { InvariantViolation } from '../violation.js';

/** The name that one life of a node proposes under. */
export interface LifeName {
  readonly directoryId: string;
  readonly incarnation: number;
}

/** What is decided was asked for, and takes effect once; no two lives share a name, so that no wait is met by another life's proposal. Invariants 2 and 17. */
export class Proposals {
  readonly #lives = new Set<string>();
  /** The advances that callers have asked drivers for. */
  readonly #asked = new Set<string>();
  /** The ids of decided proposals. */
  readonly #decided = new Map<string, number>();

  /** A process has opened its directory. @throws {InvariantViolation} if an earlier one had that name. */
  lifeBegan(name: LifeName): void {
    const life = lifeText(name);
    if (this.#lives.has(life)) {
      throw new InvariantViolation('no two lives propose under one name', `${life} has been given before`);
    }
    this.#lives.add(life);
  }

  /** A caller asks for an advance. */
  asked(atLeast: number, epoch: Epoch): void {
    this.#asked.add(`${atLeast} ${epoch}`);
  }

  /** A command was decided at `idx`. @throws {InvariantViolation} if nobody asked for it, or it was decided before. */
  decided(idx: number, command: HighWaterCommand): void {
    const { id } = command;
    const isAskedFor =
      this.#lives.has(lifeText(id)) &&
      (command.kind === 'barrier' || this.#asked.has(`${command.atLeast} ${command.epoch}`));
    if (!isAskedFor) {
      throw new InvariantViolation(
        'what is decided was asked for',
        `${command.kind} ${lifeText(id)}.${id.seq} at ${idx} was not`,
      );
    }
    const key = `${lifeText(id)}.${id.seq}`;
    const earlier = this.#decided.get(key);
    if (earlier !== undefined) {
      throw new InvariantViolation(
        'a proposal is decided once',
        `${key} is decided at ${earlier} and at ${idx}`,
      );
    }
    this.#decided.set(key, idx);
  }
}

function lifeText({ directoryId, incarnation }: LifeName): string {
  return `${directoryId}.${incarnation}`;
}
