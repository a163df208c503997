import { compareBallots } from '../../../src/omnipaxos/index.js';
import type { TestMessage } from '../core-cluster.js';
import { type Input, type Observation, replay } from './node-life.js';

/** A node after one sequence of inputs; equal sequences share one. */
interface History {
  readonly id: number;
  readonly pid: number;
  readonly inputs: readonly Input[];
  readonly seen: Observation;
  readonly next: Map<string, History>;
}

interface World {
  readonly nodes: readonly History[];
  /** Messages under way, as sorted texts. One that is never delivered is a lost one. */
  readonly network: readonly string[];
  readonly proposals: number;
  readonly takeOvers: number;
  readonly crashes: number;
  readonly duplicates: number;
  readonly path: readonly string[];
}

export interface Exploration {
  /** New states at each depth, from depth 0. */
  readonly statesByDepth: readonly number[];
  readonly states: number;
  /** The most entries that were decided in any state. */
  readonly decided: number;
  readonly violation?: { readonly rule: string; readonly depth: number; readonly path: readonly string[] };
}

/**
 * All interleavings of three cores, breadth first: node 3 leads and all is still (depth 0), then at most two proposals, one more takeover, one crash with
 * restart and one duplicate, every message in any order or never, every write durable at any time.
 *
 * A core is a deterministic function of its own inputs. So two worlds in which each node has had the same inputs, in the same order, and the same
 * messages are under way, have the same future: they are merged, whatever the order among nodes was.
 */
export function explore(depth: number): Exploration {
  let histories = 0;
  const begin = (pid: number): History => ({
    id: histories++,
    pid,
    inputs: [],
    seen: replay(pid, []),
    next: new Map(),
  });
  const step = (node: History, input: Input): History => {
    const key = JSON.stringify(input);
    let next = node.next.get(key);
    if (next === undefined) {
      const inputs = [...node.inputs, input];
      next = { id: histories++, pid: node.pid, inputs, seen: replay(node.pid, inputs), next: new Map() };
      node.next.set(key, next);
    }
    return next;
  };
  const apply = (world: World, pid: number, input: Input, change: Partial<World> = {}): World => {
    const nodes = world.nodes.map((node) => (node.pid === pid ? step(node, input) : node));
    const sent = nodes.find((node) => node.pid === pid)?.seen.sent ?? [];
    const network = [...(change.network ?? world.network), ...sent.map((message) => JSON.stringify(message))];
    const label =
      input.kind === 'deliver' ? `${input.message.body.kind} from ${input.message.from}` : input.kind;
    return { ...world, ...change, nodes, network: network.sort(), path: [...world.path, `${pid}: ${label}`] };
  };
  const root: World = {
    nodes: [1, 2, 3].map(begin),
    network: [],
    proposals: 2,
    takeOvers: 1,
    crashes: 1,
    duplicates: 1,
    path: [],
  };
  let start = apply(root, 3, { kind: 'takeOver' });
  for (let settling = oneStep(start, apply); settling !== undefined; settling = oneStep(start, apply))
    start = settling;
  let frontier: World[] = [{ ...start, path: [] }];
  const visited = new Set(frontier.map(keyOf));
  const statesByDepth = [1];
  let decided = 0;
  for (let at = 1; at <= depth; at++) {
    const next: World[] = [];
    for (const world of frontier) {
      for (const successor of successors(world, apply)) {
        const key = keyOf(successor);
        if (visited.has(key)) continue;
        visited.add(key);
        decided = Math.max(decided, ...successor.nodes.map(({ seen }) => seen.decided.length));
        const rule = brokenRule(successor.nodes.map((node) => node.seen));
        if (rule !== undefined) {
          const violation = { rule, depth: at, path: successor.path };
          return {
            statesByDepth: [...statesByDepth, next.length + 1],
            states: visited.size,
            decided,
            violation,
          };
        }
        next.push(successor);
      }
    }
    statesByDepth.push(next.length);
    frontier = next;
  }
  return { statesByDepth, states: visited.size, decided };
}

function keyOf({ nodes, network, ...rest }: World): string {
  const { proposals, takeOvers, crashes, duplicates } = rest;
  return JSON.stringify([nodes.map(({ id }) => id), network, proposals, takeOvers, crashes, duplicates]);
}

/** Makes one write durable or delivers one message, whichever comes first; nothing if all is still. */
function oneStep(world: World, apply: Apply): World | undefined {
  const busy = world.nodes.find(({ seen }) => seen.held > 0);
  if (busy !== undefined) return apply(world, busy.pid, { kind: 'persist' });
  const [text, ...network] = world.network;
  if (text === undefined) return undefined;
  const message: TestMessage = JSON.parse(text);
  return apply(world, message.to, { kind: 'deliver', message }, { network });
}

type Apply = (world: World, pid: number, input: Input, change?: Partial<World>) => World;

function* successors(world: World, apply: Apply): Generator<World> {
  for (const { pid, seen } of world.nodes) {
    if (seen.held > 0) yield apply(world, pid, { kind: 'persist' });
    if (world.proposals > 0 && seen.ballot !== undefined) {
      const entry = `entry ${world.proposals}`;
      yield apply(world, pid, { kind: 'append', entry }, { proposals: world.proposals - 1 });
    }
    if (world.takeOvers > 0)
      yield apply(world, pid, { kind: 'takeOver' }, { takeOvers: world.takeOvers - 1 });
    if (world.crashes > 0) yield apply(world, pid, { kind: 'crash' }, { crashes: world.crashes - 1 });
  }
  for (const [index, text] of world.network.entries()) {
    if (world.network[index - 1] === text) continue;
    const message: TestMessage = JSON.parse(text);
    const input: Input = { kind: 'deliver', message };
    yield apply(world, message.to, input, { network: world.network.toSpliced(index, 1) });
    if (world.duplicates > 0)
      yield apply(world, message.to, input, { duplicates: world.duplicates - 1, network: world.network });
  }
}

const isPrefix = (short: readonly string[], long: readonly string[]): boolean =>
  short.every((entry, index) => long[index] === entry);

/** What a state breaks, in words. */
export function brokenRule(nodes: readonly Observation[]): string | undefined {
  const fault = nodes.find((node) => node.fault !== undefined)?.fault;
  if (fault !== undefined) return fault;
  const longest = nodes.map(({ decided }) => decided).reduce((a, b) => (b.length > a.length ? b : a));
  if (!nodes.every(({ decided }) => isPrefix(decided, longest))) return 'two nodes have decided differently';
  if (nodes.filter(({ disk }) => isPrefix(longest, disk)).length < 2)
    return 'a decided entry is not durable on a write quorum';
  const [newest] = nodes
    .flatMap(({ ballot, log }) => (ballot === undefined ? [] : [{ ballot, log }]))
    .sort((a, b) => compareBallots(b.ballot, a.ballot));
  if (newest !== undefined && !isPrefix(longest, newest.log))
    return 'the newest leader lacks a decided entry';
  const ballots = nodes.flatMap(({ led }) => led).map((led) => led.split(' ')[0]);
  if (new Set(ballots).size < ballots.length) return 'one ballot was led twice';
  return undefined;
}
