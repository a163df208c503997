import type { NodeId } from '../../../src/omnipaxos/index.js';
import type { TestMessage } from '../core-cluster.js';
import { type Input, NODES, type Observation, replay } from './node-life.js';

/** A node after one sequence of inputs; equal sequences share one. */
export interface History {
  readonly id: number;
  readonly pid: NodeId;
  readonly inputs: readonly Input[];
  readonly seen: Observation;
  /** What the last input has sent. */
  readonly sent: readonly Letter[];
  readonly next: Map<string, History>;
}

/** A message under way; equal ones share one. */
export interface Letter {
  readonly id: number;
  readonly message: TestMessage;
  readonly input: Input;
  readonly label: string;
}

/** What may still happen. */
export interface Bounds {
  /** Entries that leaders append. */
  readonly proposals: number;
  /** By whom, and how often in all. */
  readonly takeOvers: { readonly by: readonly NodeId[]; readonly count: number };
  readonly crashes: { readonly of: readonly NodeId[]; readonly count: number };
  /** Messages that are overtaken by a later one of their link, and so lost; the last ones of a link may always stay away. */
  readonly losses: number;
  /** Messages of which a copy stays under way, to come at any time. */
  readonly duplicates: number;
  readonly stopSigns: number;
}

export const NOTHING: Bounds = {
  proposals: 0,
  takeOvers: { by: NODES, count: 0 },
  crashes: { of: NODES, count: 0 },
  losses: 0,
  duplicates: 0,
  stopSigns: 0,
};

export interface World {
  readonly nodes: readonly History[];
  /** By link, as `from>to`: in the order in which they were sent. */
  readonly links: ReadonlyMap<string, readonly Letter[]>;
  /** Those that may come at any time, or never. */
  readonly stray: readonly Letter[];
  readonly left: Bounds;
  /** How it came about; the last step first. */
  readonly path: Step | undefined;
}

interface Step {
  readonly label: string;
  readonly before: Step | undefined;
}

/** How nodes and network behave in all states of one world. */
export interface Conditions {
  /** Nodes whose writes become durable at any later time; those of the others are durable at once. */
  readonly slowDisks: readonly NodeId[];
  /** Whether a link keeps its order, as a connection does; otherwise messages come in any order. */
  readonly inOrder: boolean;
}

type Change = Partial<Pick<World, 'links' | 'stray' | 'left'>>;

/**
 * Carries inputs out on worlds. A core is a deterministic function of its own inputs; so worlds in which each
 * node has had the same inputs, and the same messages are under way, have the same future and share one key,
 * whatever the order among nodes was.
 */
export class WorldMaker {
  readonly #conditions: Conditions;
  readonly #letters = new Map<string, Letter>();
  readonly #keys = new Map<Input, string>();
  #histories = 0;

  constructor(conditions: Conditions) {
    this.#conditions = conditions;
  }

  /** Every message that any node has sent in any world. */
  get letters(): readonly Letter[] {
    return [...this.#letters.values()];
  }

  begin(): World {
    return {
      nodes: NODES.map((pid) => this.#history(pid, [])),
      links: new Map(),
      stray: [],
      left: NOTHING,
      path: undefined,
    };
  }

  /** The world after this input of node `pid`. */
  apply(world: World, pid: NodeId, input: Input, label: string, change: Change = {}): World {
    const node = this.after(nodeOf(world, pid), input);
    const links = new Map(change.links ?? world.links);
    let stray = change.stray ?? world.stray;
    for (const letter of node.sent) {
      const { message } = letter;
      if (this.#conditions.inOrder) {
        const link = `${message.from}>${message.to}`;
        links.set(link, [...(links.get(link) ?? []), letter]);
      } else stray = [...stray, letter];
    }
    return {
      nodes: world.nodes.map((other) => (other.pid === pid ? node : other)),
      links,
      stray: stray.toSorted((a, b) => a.id - b.id),
      left: change.left ?? world.left,
      path: { label, before: world.path },
    };
  }

  /** The node after one more input. */
  after(node: History, input: Input): History {
    const key = input.kind === 'deliver' ? this.#keyOf(input) : JSON.stringify(input);
    let next = node.next.get(key);
    if (next === undefined) {
      next = this.#history(node.pid, [...node.inputs, input]);
      node.next.set(key, next);
    }
    return next;
  }

  #history(pid: NodeId, inputs: readonly Input[]): History {
    const seen = replay(pid, this.#conditions.slowDisks.includes(pid), inputs);
    const sent = seen.sent.map((message) => this.#letter(message));
    return { id: this.#histories++, pid, inputs, seen, sent, next: new Map() };
  }

  /** Inputs of letters are shared, so most keys are made once. */
  #keyOf(input: Input): string {
    let key = this.#keys.get(input);
    if (key === undefined) {
      key = JSON.stringify(input);
      this.#keys.set(input, key);
    }
    return key;
  }

  #letter(message: TestMessage): Letter {
    const key = JSON.stringify(message);
    let letter = this.#letters.get(key);
    if (letter === undefined) {
      const { body, from, to } = message;
      letter = {
        id: this.#letters.size,
        message,
        input: { kind: 'deliver', message },
        label: `${to}: ${body.kind} from ${from}`,
      };
      this.#letters.set(key, letter);
    }
    return letter;
  }
}

export function nodeOf(world: World, pid: NodeId): History {
  const node = world.nodes.find((history) => history.pid === pid);
  if (node === undefined) throw new Error(`no node ${pid}`);
  return node;
}

/** Equal for worlds with the same future. */
export function keyOf({ nodes, links, stray, left }: World): string {
  const letters = [...links]
    .filter(([, waiting]) => waiting.length > 0)
    .map(([link, waiting]) => `${link}:${waiting.map(({ id }) => id).join(',')}`)
    .sort();
  const bounds = [
    left.proposals,
    left.takeOvers.count,
    left.crashes.count,
    left.losses,
    left.duplicates,
    left.stopSigns,
  ];
  const ids = nodes.map(({ id }) => id).join(',');
  return `${ids}|${letters.join(';')}|${stray.map(({ id }) => id).join(',')}|${bounds.join(',')}`;
}

/** The steps that have led to this world, the first one first. */
export function pathOf(world: World): string[] {
  const path: string[] = [];
  for (let step = world.path; step !== undefined; step = step.before) path.unshift(step.label);
  return path;
}
