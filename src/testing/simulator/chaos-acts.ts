import type { StandaloneHost } from '../../host/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { ChaosStage } from './chaos.js';
import type { DirectoryLosses } from './directory-losses.js';
import { type ChaosKind, quorumsOf, WALL_START_MS } from './fault-plan.js';
import type { SimulatedMachine } from './simulated-machine.js';

const YEAR_MS = 365 * 86_400_000;

/** What each kind of chaos does. */
export const CHAOS_ACTS: Readonly<Record<ChaosKind, (stage: ChaosStage) => void>> = {
  crash: ({ machine }) => machine.crash(),
  crashAll: ({ machines }) => {
    for (const each of machines.values()) each.crash();
  },
  crashInWrite: ({ machine, random }) => {
    // A machine that is down comes up first: the power fails while it recovers.
    machine.boot();
    machine.disk.crashInCall(random.below(random.pick([3, 12, 40])));
  },
  stop: ({ machine }) => machine.stop(),
  crashLoop: (stage) => crashLoop(stage, 2 + stage.random.below(6)),
  rollingRestart: ({ machines, scheduler, random, isOver }) => {
    const everyMs = random.between(20, 600);
    for (const [index, each] of [...machines.values()].entries()) {
      scheduler.after(index * everyMs, () => {
        if (isOver()) return;
        each.crash();
        scheduler.after(everyMs / 2, () => each.boot());
      });
    }
  },
  restart: ({ machines, random }) => {
    for (const each of machines.values()) if (random.chance(0.7)) each.boot();
  },
  isolate: ({ network, nodeId, counters }) => {
    counters.partitions += 1;
    network.isolate(nodeId, true);
  },
  cutOneWay: ({ network, nodeId, peer, counters }) => {
    counters.partitions += 1;
    network.setLink(nodeId, peer, false);
  },
  cutLink: ({ network, nodeId, peer, counters }) => {
    counters.partitions += 1;
    network.setLink(nodeId, peer, false);
    network.setLink(peer, nodeId, false);
  },
  split: (stage) => {
    const left = new Set(nodeIdsOf(stage).filter(() => stage.random.chance(0.5)));
    connect(stage, (a, b) => left.has(a) === left.has(b));
  },
  someLinks: (stage) => {
    const cut = new Set(
      pairs(nodeIdsOf(stage))
        .filter(() => stage.random.chance(0.4))
        .map(String),
    );
    connectPartially(stage, (a, b) => !cut.has(String(a < b ? [a, b] : [b, a])));
  },
  star: (stage) => connectPartially(stage, (a, b) => a === stage.nodeId || b === stage.nodeId),
  chain: (stage) => connectPartially(stage, (a, b) => Math.abs(a - b) === 1),
  // The paper's three (OmniPaxos, EuroSys 2023). All but one follower lose everybody but that one.
  quorumLoss: (stage) => {
    const hub = followerOf(stage);
    connectPartially(stage, (a, b) => a === hub || b === hub);
  },
  // The same, with the leader cut off, so that only one node can win, whose log may be behind.
  constrainedElection: (stage) => {
    const hub = followerOf(stage);
    const leader = leaderIdOf(stage);
    connectPartially(stage, (a, b) => (a === hub || b === hub) && a !== leader && b !== leader);
  },
  // The leader stands at one end.
  chained: (stage) => {
    const leader = leaderIdOf(stage);
    const order = [...nodeIdsOf(stage)].sort((a, b) => Number(b === leader) - Number(a === leader));
    connectPartially(stage, (a, b) => Math.abs(order.indexOf(a) - order.indexOf(b)) === 1);
  },
  heal: ({ network }) => network.heal(),
  flap: ({ network, nodeId, peer, counters }) => {
    if (nodeId === peer) return;
    counters.flaps += 1;
    network.flap(nodeId, peer);
  },
  halfOpen: ({ network, nodeId, peer, random, counters }) => {
    if (network.halfOpen(nodeId, peer, random.between(5, random.pick([200, 2_000])))) counters.halfOpens += 1;
  },
  // Each direction ends at a time of its own.
  clog: (stage) => {
    const { counters, random, routes } = stage;
    const longestMs = random.pick([100, 500, 3_000]);
    for (const [from, to] of directions(stage)) {
      if (random.chance(0.5)) continue;
      counters.clogs += 1;
      routes.clog(from, to, random.between(10, longestMs));
    }
  },
  slowLink: (stage) => {
    const { counters, nodeId, random, routes } = stage;
    const bytesPerMs = random.pick([0.5, 2, 10]);
    const durationMs = random.between(500, 5_000);
    for (const [from, to] of directions(stage)) {
      if (to !== nodeId) continue;
      counters.slowLinks += 1;
      routes.slowDown(from, to, bytesPerMs, durationMs);
    }
  },
  freeze: ({ machine, random, counters }) => {
    counters.freezes += 1;
    machine.clock.freeze(random.between(10, random.pick([100, 1_000, 5_000])));
  },
  // On one machine or on two, from less than a heartbeat round to ten of them.
  stall: ({ machine, machines, peer, random, counters }) => {
    const stalled = random.chance(0.5) ? [machine] : [machine, machines.get(peer)];
    for (const each of new Set(stalled)) {
      counters.stalls += 1;
      each?.clock.stall(random.between(20, random.pick([200, 1_500])));
    }
  },
  suspend: ({ machine, random, counters }) => {
    if (machine.clock.suspend(random.between(10, random.pick([300, 5_000])))) counters.suspensions += 1;
  },
  stepWall: ({ machine, random, counters }) => {
    const stepMs = Math.floor(random.between(-1, 1) * random.pick([10, 10_000, 86_400_000]));
    if (machine.clock.stepWall(stepMs)) counters.wallSteps += 1;
  },
  jumpWall: ({ machine, random, counters }) => {
    const toMs = random.pick([
      0,
      -1,
      WALL_START_MS,
      WALL_START_MS + random.below(50) * YEAR_MS,
      2 ** 45,
      2 ** 53,
    ]);
    if (machine.clock.setWall(toMs)) counters.wallJumps += 1;
  },
  stopWall: ({ machine, random, counters }) => {
    if (machine.clock.stopWall(random.between(10, random.pick([300, 5_000])))) counters.wallStops += 1;
  },
  fillDisk: ({ machine, random, counters }) => {
    counters.fullDisks += 1;
    machine.disk.fill(random.between(10, random.pick([200, 3_000])));
  },
  copyDirectory: ({ machine, losses }) => {
    if (losses.victim === undefined) machine.copyDirectory();
  },
  loseDirectory,
  reconfigure,
  handOver: (stage) => {
    const result = leaderOf(stage)?.transferLeadership(stage.peer);
    if (result?.ok === true) stage.counters.handovers += 1;
  },
  takeOver: ({ machine, counters }) => {
    counters.takeovers += 1;
    machine.host?.tryBecomeLeader();
  },
  setPriority: ({ machine, random }) => machine.host?.setPriority(random.below(4)),
};

/** Few directories can be set back at a time, so it is tried more often. */
const LOSSES = ['wiped', 'setBack', 'setBack', 'setBack', 'setBack', 'rot', 'misdirected', 'stale'] as const;

/** One machine of a world, at the most, loses its directory, in a way that the others can find out. */
function loseDirectory(stage: ChaosStage): void {
  const { losses, machine, machines, random } = stage;
  const kind = random.pick(LOSSES);
  if (kind === 'wiped' || kind === 'setBack') {
    const losing = [...machines.values()].filter((each) => {
      const incarnation = kind === 'wiped' ? 0 : each.copiedIncarnation;
      return incarnation !== undefined && losses.mayBeSetBack(each, incarnation);
    });
    if (losing.length > 0) lose(random.pick(losing), kind, losses);
    return;
  }
  // Only a journal that was closed says of all its records that they were durable.
  machine.stop((isClean) => {
    if (isClean && losses.mayBeDamaged(machine) && machine.damageDirectory(kind)) losses.lost(machine.nodeId);
  });
}

function lose(machine: SimulatedMachine, kind: 'wiped' | 'setBack', losses: DirectoryLosses): void {
  losses.lost(machine.nodeId);
  machine.loseDirectory(kind);
}

function crashLoop(stage: ChaosStage, times: number): void {
  const { machine, random, scheduler } = stage;
  if (times === 0 || stage.isOver()) return;
  machine.crash();
  machine.boot();
  scheduler.after(random.between(0.1, random.pick([1, 20, 200])), () => crashLoop(stage, times - 1));
}

/** A leader proposes to go on with some of the machines, and sometimes with another lease. */
function reconfigure(stage: ChaosStage): void {
  const { losses, machines, plan, random } = stage;
  const leader = leaderOf(stage);
  if (leader === undefined) return;
  const { config } = leader.status().node.core;
  const candidates = [...machines.keys()].filter((nodeId) => nodeId !== losses.victim);
  const drawn = candidates.filter(() => random.chance(0.6));
  const nodes = drawn.length === 0 ? [random.pick(candidates)] : drawn;
  if (!losses.mayBeMembers(nodes)) return;
  leader.reconfigure({
    configId: config.configId + 1,
    nodes,
    ...quorumsOf(nodes.length, random.pick([undefined, random.nextFloat()])),
    leaseMs: plan.leaseMs * random.pick([1, 1, 2, 4]),
    maxClockDrift: config.maxClockDrift,
  });
}

function nodeIdsOf({ machines }: ChaosStage): readonly NodeId[] {
  return [...machines.keys()];
}

/** Both directions between any two. */
function directions(stage: ChaosStage): (readonly [NodeId, NodeId])[] {
  return pairs(nodeIdsOf(stage)).flatMap(([a, b]) => [[a, b] as const, [b, a] as const]);
}

function pairs(nodeIds: readonly NodeId[]): (readonly [NodeId, NodeId])[] {
  return nodeIds.flatMap((a) => nodeIds.filter((b) => a < b).map((b) => [a, b] as const));
}

/** A machine that takes itself for the leader: there may be several. */
function leadingMachine({ machines, random }: ChaosStage): SimulatedMachine | undefined {
  const leading = [...machines.values()].filter(({ host }) => host?.status().leadership.role === 'leader');
  return leading.length === 0 ? undefined : random.pick(leading);
}

function leaderOf(stage: ChaosStage): StandaloneHost | undefined {
  return leadingMachine(stage)?.host;
}

/** The leader, or any node if there is none. */
function leaderIdOf(stage: ChaosStage): NodeId {
  return leadingMachine(stage)?.nodeId ?? stage.nodeId;
}

/** A node that does not lead, if there are two at all. */
function followerOf(stage: ChaosStage): NodeId {
  const leader = leaderIdOf(stage);
  const others = nodeIdsOf(stage).filter((nodeId) => nodeId !== leader);
  return others.length === 0 ? leader : stage.random.pick(others);
}

function connectPartially(stage: ChaosStage, isJoined: (a: NodeId, b: NodeId) => boolean): void {
  stage.counters.partialPartitions += 1;
  connect(stage, isJoined);
}

function connect(stage: ChaosStage, isJoined: (a: NodeId, b: NodeId) => boolean): void {
  stage.counters.partitions += 1;
  for (const [a, b] of pairs(nodeIdsOf(stage))) {
    stage.network.setLink(a, b, isJoined(a, b));
    stage.network.setLink(b, a, isJoined(a, b));
  }
}
