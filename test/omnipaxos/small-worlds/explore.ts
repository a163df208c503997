import { ballotsEqual } from '../../../src/omnipaxos/index.js';
import { brokenRule } from './rules.js';
import { Script } from './script.js';
import { type Bounds, type History, keyOf, type Letter, pathOf, type World, WorldMaker } from './world.js';
import type { SmallWorld } from './worlds.js';

export interface Exploration {
  /** New states at each depth, from depth 0. */
  readonly statesByDepth: readonly number[];
  readonly states: number;
  /** No step was left: every state that the bounds allow was visited. */
  readonly exhausted: boolean;
  /** The most entries that were decided in any state. */
  readonly decided: number;
  /** The most leaderships that one state has seen. */
  readonly leaderships: number;
  readonly violation?: { readonly rule: string; readonly depth: number; readonly path: readonly string[] };
}

/** Told of each delivery that is left out, since it changes nothing. */
export type LeftOut = (node: History, letter: Letter, maker: WorldMaker) => void;

/** All states of a world that at most `depth` steps lead to from its root, breadth first. */
export function explore(small: SmallWorld, depth = small.depth, leftOut: LeftOut = () => {}): Exploration {
  const maker = new WorldMaker(small.conditions);
  const script = new Script(maker);
  try {
    small.root(script);
  } catch (error) {
    // With a fault in the core the root can be out of reach; the rule that is broken by then tells more than the step that failed.
    const rule = brokenRule(script.world.nodes.map(({ seen }) => seen));
    if (rule === undefined) throw error;
    const violation = { rule, depth: 0, path: pathOf(script.world) };
    return { statesByDepth: [], states: 0, exhausted: false, decided: 0, leaderships: 0, violation };
  }
  const root: World = { ...script.world, left: small.bounds, path: undefined };
  const visited = new Set([keyOf(root)]);
  const statesByDepth = [1];
  let frontier = [root];
  let decided = 0;
  let leaderships = 0;
  // The rules look at nodes only; most states differ from an earlier one in what is under way.
  const checked = new Set<string>();
  const visit = (world: World, at: number): Exploration['violation'] => {
    const key = world.nodes.map(({ id }) => id).join();
    if (checked.has(key)) return undefined;
    checked.add(key);
    const nodes = world.nodes.map((node) => node.seen);
    decided = Math.max(decided, ...nodes.map((seen) => seen.decided.length));
    leaderships = Math.max(leaderships, nodes.flatMap((seen) => seen.led).length);
    const rule = brokenRule(nodes);
    return rule === undefined ? undefined : { rule, depth: at, path: pathOf(world) };
  };
  let violation = visit(root, 0);
  for (let at = 1; at <= depth && violation === undefined && frontier.length > 0; at++) {
    const next: World[] = [];
    for (const world of frontier) {
      for (const successor of successors(world, maker, leftOut)) {
        const key = keyOf(successor);
        if (visited.has(key)) continue;
        visited.add(key);
        next.push(successor);
        violation = visit(successor, at);
        if (violation !== undefined) break;
      }
      if (violation !== undefined) break;
    }
    if (next.length > 0) statesByDepth.push(next.length);
    frontier = next;
  }
  const exhausted = violation === undefined && frontier.length === 0;
  const result = { statesByDepth, states: visited.size, exhausted, decided, leaderships };
  return violation === undefined ? result : { ...result, violation };
}

function* successors(world: World, maker: WorldMaker, leftOut: LeftOut): Generator<World> {
  const { left } = world;
  for (const node of world.nodes) {
    const { pid, seen } = node;
    if (seen.held > 0) yield maker.apply(world, pid, { kind: 'persist' }, `${pid}: writes durable`);
    if (seen.ballot !== undefined && left.proposals > 0) {
      const after = { ...left, proposals: left.proposals - 1 };
      const entry = `new ${left.proposals}`;
      yield maker.apply(world, pid, { kind: 'append', entry }, `${pid}: appends ${entry}`, { left: after });
    }
    if (seen.ballot !== undefined && left.stopSigns > 0) {
      const after = { ...left, stopSigns: left.stopSigns - 1 };
      yield maker.apply(world, pid, { kind: 'reconfigure' }, `${pid}: appends the stop sign`, {
        left: after,
      });
    }
    if (left.takeOvers.count > 0 && left.takeOvers.by.includes(pid)) {
      const takeOvers = { ...left.takeOvers, count: left.takeOvers.count - 1 };
      yield maker.apply(world, pid, { kind: 'takeOver' }, `${pid}: takes over`, {
        left: { ...left, takeOvers },
      });
    }
    if (left.crashes.count > 0 && left.crashes.of.includes(pid)) {
      const crashes = { ...left.crashes, count: left.crashes.count - 1 };
      yield maker.apply(world, pid, { kind: 'crash' }, `${pid}: crashes`, { left: { ...left, crashes } });
    }
  }
  yield* linkSuccessors(world, maker, leftOut);
  yield* straySuccessors(world, maker, leftOut);
}

function* linkSuccessors(world: World, maker: WorldMaker, leftOut: LeftOut): Generator<World> {
  for (const [link, waiting] of world.links) {
    let losses = 0;
    for (const [index, letter] of waiting.entries()) {
      if (losses > world.left.losses) break;
      const node = receiver(world, letter);
      // Overtaking what would change nothing is no loss.
      if (changesNothing(node, letter, maker)) {
        leftOut(node, letter, maker);
        continue;
      }
      const left: Bounds = { ...world.left, losses: world.left.losses - losses };
      const links = new Map(world.links).set(link, waiting.slice(index + 1));
      yield maker.apply(world, node.pid, letter.input, letter.label, { links, left });
      if (left.duplicates > 0) {
        const change = {
          links,
          stray: [...world.stray, letter],
          left: { ...left, duplicates: left.duplicates - 1 },
        };
        yield maker.apply(world, node.pid, letter.input, `${letter.label}, and a copy stays`, change);
      }
      losses += 1;
    }
  }
}

function* straySuccessors(world: World, maker: WorldMaker, leftOut: LeftOut): Generator<World> {
  for (const [index, letter] of world.stray.entries()) {
    if (world.stray[index - 1] === letter) continue;
    const node = receiver(world, letter);
    if (changesNothing(node, letter, maker)) {
      leftOut(node, letter, maker);
      continue;
    }
    yield maker.apply(world, node.pid, letter.input, letter.label, {
      stray: world.stray.toSpliced(index, 1),
    });
    if (world.left.duplicates > 0) {
      const left = { ...world.left, duplicates: world.left.duplicates - 1 };
      yield maker.apply(world, node.pid, letter.input, `${letter.label}, and a copy stays`, { left });
    }
  }
}

function receiver(world: World, { message }: Letter): History {
  const node = world.nodes.find(({ pid }) => pid === message.to);
  if (node === undefined) throw new Error(`a message to ${message.to}`);
  return node;
}

/**
 * Whether a delivery leaves its node as it is, so that the state is that of never delivering it. A status
 * does not tell all: a Decide can move a session on, a PrepareReq can raise what the election has seen, and a
 * Promise of the ballot that is led can replace an older one, all without output. These always count.
 */
function changesNothing(node: History, letter: Letter, maker: WorldMaker): boolean {
  const { body } = letter.message;
  if (body.kind === 'decide' || body.kind === 'prepareReq') return false;
  if (body.kind === 'promise' && ballotsEqual(body.n, node.seen.promise)) return false;
  const { fault, status, stirred } = maker.after(node, letter.input).seen;
  return !stirred && fault === node.seen.fault && status === node.seen.status;
}
