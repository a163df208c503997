import type { Random } from '../../runtime/index.js';

/** How long a process may be paused, in ms. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 4_000;
/** How long the cluster is left alone between two faults, in ms. */
const QUIET_MS_MIN = 200;
const QUIET_MS_MAX = 3_000;
/** How many faults a storm is made of, and within how many ms they begin. */
const STORM_FAULTS_MIN = 3;
const STORM_FAULTS_MAX = 5;
const STORM_MS_MAX = 2_000;

/** What is done to one node's process. A node is named by its place among the nodes. */
export type NodeFault =
  | { readonly kind: 'kill'; readonly node: number }
  | { readonly kind: 'pause'; readonly node: number; readonly forMs: number };

/** What is done to the processes of a cluster at once. */
export type Fault =
  | NodeFault
  | { readonly kind: 'killLeader' }
  | { readonly kind: 'killAll' }
  /** `node` if nobody leads. */
  | { readonly kind: 'pauseLeader'; readonly node: number; readonly forMs: number }
  /** Several faults whose times overlap. */
  | { readonly kind: 'storm'; readonly faults: readonly DelayedFault<NodeFault>[] };

export interface DelayedFault<F> {
  /** In ms: from the end of the one before, or from the beginning of the storm. */
  readonly afterMs: number;
  readonly fault: F;
}

/** How often each kind comes, relative to the others. */
const WEIGHTS: readonly (readonly [Fault['kind'], number])[] = [
  ['kill', 3],
  ['killLeader', 4],
  ['killAll', 1],
  ['pause', 3],
  ['pauseLeader', 3],
  ['storm', 2],
];

/** Faults without end for a cluster of `nodes` nodes, one after the other; `random` alone decides which. */
export function* drawFaults(random: Random, nodes: number): Generator<DelayedFault<Fault>, never, void> {
  const draw = new FaultDraw(random, nodes);
  while (true) yield { afterMs: draw.between(QUIET_MS_MIN, QUIET_MS_MAX), fault: draw.fault() };
}

class FaultDraw {
  readonly #random: Random;
  readonly #nodes: number;

  constructor(random: Random, nodes: number) {
    this.#random = random;
    this.#nodes = nodes;
  }

  fault(): Fault {
    const kind = this.#kind();
    switch (kind) {
      case 'kill':
        return { kind, node: this.#node() };
      case 'pause':
      case 'pauseLeader':
        return { kind, node: this.#node(), forMs: this.#pauseMs() };
      case 'killLeader':
      case 'killAll':
        return { kind };
      case 'storm':
        return { kind, faults: this.#storm() };
    }
  }

  between(min: number, max: number): number {
    return min + this.#random.nextFloat() * (max - min);
  }

  #storm(): DelayedFault<NodeFault>[] {
    const length = Math.floor(this.between(STORM_FAULTS_MIN, STORM_FAULTS_MAX + 1));
    return Array.from({ length }, () => ({
      afterMs: this.between(0, STORM_MS_MAX),
      fault: this.#nodeFault(),
    }));
  }

  #nodeFault(): NodeFault {
    const node = this.#node();
    return this.between(0, 1) < 0.5
      ? { kind: 'kill', node }
      : { kind: 'pause', node, forMs: this.#pauseMs() };
  }

  #kind(): Fault['kind'] {
    let dice = this.between(
      0,
      WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0),
    );
    for (const [kind, weight] of WEIGHTS) {
      dice -= weight;
      if (dice < 0) return kind;
    }
    return 'kill';
  }

  #node(): number {
    return Math.floor(this.between(0, this.#nodes));
  }

  #pauseMs(): number {
    return this.between(PAUSE_MS_MIN, PAUSE_MS_MAX);
  }
}
