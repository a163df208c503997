import { SnapshotPolicy } from '../../apply/index.js';
import type { ConsensusDriver, Epoch, LeaderState } from '../../consensus/index.js';
import { ballotFromEpoch } from '../../high-water/index.js';
import { type HostStatus, StandaloneHost } from '../../host/index.js';
import { formatBallot, type NodeId } from '../../omnipaxos/index.js';
import { type Grant, Oracle } from '../../oracle/index.js';
import type { Clock, SeededRandom } from '../../runtime/index.js';
import { requireWithinBounds } from './checkers/bounds.js';
import type { DiskModel } from './checkers/disk-model.js';
import { requireIndexOrder } from './checkers/index-order.js';
import { HeldLeases } from './checkers/leases.js';
import { requireNoPart } from './checkers/lost-directories.js';
import { NodeWatch } from './checkers/node-watch.js';
import { OpenCalls } from './checkers/open-calls.js';
import type { SimulatedClock } from './simulated-clock.js';
import type { MachineWorld } from './simulated-machine.js';
import { InvariantViolation } from './violation.js';
import { watchDriver } from './watched-driver.js';
import type { WatchedStorage } from './watched-storage.js';

/** How many calls a driver lets wait. */
const PENDING_CALLS_MAX = 64;
/** How many proposals a core buffers while it becomes leader. */
const BUFFERED_PROPOSALS_MAX = 16;
/**
 * How many messages wait for a sync, how many records do before no more are taken, and how many messages that
 * have arrived wait: few, so that some worlds come to the end of each.
 */
const HELD_MESSAGES_MAX = 64;
const UNSYNCED_RECORDS_MAX = 64;
const INBOUND_MAX = 128;

export interface SimulatedProcessOptions {
  readonly nodeId: NodeId;
  /** Counts the processes of the machine. */
  readonly life: number;
  readonly world: MachineWorld;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly storage: WatchedStorage;
  /** What its directory must hold. */
  readonly model: DiskModel;
  /** Whether its directory was wiped, set back or cloned. */
  readonly isLost: boolean;
  /** Something is about to happen to it. */
  readonly touch: () => void;
}

interface Parts {
  readonly host: StandaloneHost;
  readonly driver: ConsensusDriver;
  readonly oracle: Oracle;
}

/** One process: a host with an oracle on top, watched. */
export class SimulatedProcess {
  /** The leases that it was told of. */
  readonly leases = new HeldLeases();
  readonly #options: SimulatedProcessOptions;
  readonly #watch: NodeWatch;
  readonly #calls: OpenCalls;
  readonly #grants: OpenCalls;
  #parts: Parts | undefined;

  constructor(options: SimulatedProcessOptions) {
    this.#options = options;
    this.#watch = new NodeWatch(options.nodeId, options.world.invariants.reference);
    this.#calls = new OpenCalls(options.nodeId);
    this.#grants = new OpenCalls(options.nodeId);
  }

  /** There once {@link start} has resolved. */
  get host(): StandaloneHost | undefined {
    return this.#parts?.host;
  }

  /** The driver, watched, which the oracle uses as well. */
  get driver(): ConsensusDriver | undefined {
    return this.#parts?.driver;
  }

  get oracle(): Oracle | undefined {
    return this.#parts?.oracle;
  }

  /** Its calls to its driver. */
  get calls(): Pick<OpenCalls, 'begun' | 'hasOneOf'> {
    return this.#calls;
  }

  /** Asks its oracle, as its server would. */
  grant(count: number, timeoutMs: number): Promise<Grant> | undefined {
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    const grant = this.#parts?.oracle.grant(count, { timeoutMs });
    return grant === undefined ? undefined : this.#grants.watch('a grant', deadlineMs, grant);
  }

  /** Resolves with the host once it runs; `isAlive` tells whether the process does still. */
  async start(isAlive: () => boolean): Promise<StandaloneHost | undefined> {
    const { clock: clocks, nodeId, random, storage, touch, world } = this.#options;
    const { network, plan } = world;
    const clock = clocks.boot();
    let host: StandaloneHost | undefined;
    host = await StandaloneHost.start({
      storage,
      transport: network.transport(nodeId, () => {
        // The network asks before it delivers anything.
        touch();
        return clocks.deafForMs;
      }),
      clock: withSlowApplier(clock, plan.applyChunk.restMs),
      nextTurn: (callback) => clocks.nextTurn(callback),
      clientEndpoint: `node-${nodeId}:50551`,
      applyChunkItems: plan.applyChunk.items,
      maxPendingCalls: PENDING_CALLS_MAX,
      proposalBufferLimit: BUFFERED_PROPOSALS_MAX,
      heldMessageLimit: HELD_MESSAGES_MAX,
      unsyncedRecordLimit: UNSYNCED_RECORDS_MAX,
      inboundQueueLimit: INBOUND_MAX,
      inboundPerTurn: INBOUND_MAX / 8,
      snapshotPolicy: this.#snapshotPolicy(() => host),
    });
    if (!isAlive()) return undefined;
    host.events.on('leadership', (state) => {
      if (isAlive()) world.trace(nodeId, describeLeadership(state));
    });
    const driver = this.#watchedDriver(host, clock);
    const oracle = Oracle.start({
      driver,
      clock,
      random: random.fork(),
      windowAheadMs: plan.windowAheadMs,
      failoverAdvanceMs: Math.min(1_000, plan.windowAheadMs),
    });
    this.#parts = { host, driver, oracle };
    return host;
  }

  /** Stops in order. It never rejects. */
  async stop(): Promise<void> {
    await this.#parts?.oracle.close();
    await this.#parts?.host.close();
  }

  /** Looks at everything that it shows. @throws {InvariantViolation} */
  check(): void {
    if (this.#parts === undefined) return;
    const { clock, isLost, life, nodeId, world } = this.#options;
    const { host } = this.#parts;
    const status = host.status();
    const { apply, leadership, node } = status;
    if (isLost) requireNoPart(nodeId, { connectedPeers: node.connectedPeers, role: leadership.role });
    this.#watch.check(host, status);
    requireIndexOrder(nodeId, node.core, apply.appliedIdx);
    this.#checkBounds(status);
    const leads = leadership.role === 'leader';
    if (this.#calls.count + this.#grants.count > 0) {
      const now = { nowMs: clock.monotonicMs(), frozenUntilMs: clock.frozenUntilMs };
      this.#calls.check({ ...now, leads });
      // A grant may wait for a leader.
      this.#grants.check({ ...now, leads: true });
    }
    if (leads && node.core.leadership.role === 'leader')
      world.invariants.leaderships.see(leadership.epoch, node.core.leadership.ballot, nodeId, life);
    this.#checkLog(status);
  }

  #checkLog({ node }: HostStatus): void {
    const { acceptedIdx, acceptedRound, phase, role } = node.core;
    if (role !== 'leader' || phase !== 'accept') return;
    const { model, nodeId, world } = this.#options;
    world.invariants.leaderLogs.see({
      nodeId,
      ballot: acceptedRound,
      acceptedIdx,
      written: () => model.written(),
    });
  }

  #checkBounds({ apply, node }: HostStatus): void {
    const { model, nodeId, world } = this.#options;
    const { snapshotEvery, applyChunk, nodes, spares } = world.plan;
    requireWithinBounds(nodeId, 'calls that wait', this.#calls.count, PENDING_CALLS_MAX);
    requireWithinBounds(nodeId, 'buffered proposals', node.core.bufferedProposals, BUFFERED_PROPOSALS_MAX);
    requireWithinBounds(nodeId, 'messages that wait for the disk', node.heldMessages, HELD_MESSAGES_MAX);
    // The policy counts from the last snapshot that was tried, or from the start of the process.
    requireWithinBounds(
      nodeId,
      'applied records above the last snapshot',
      apply.appliedIdx - Math.max(node.core.compactedIdx, this.#watch.recoveredIdx),
      (snapshotEvery + applyChunk.items) * (1 + apply.snapshots.failed),
    );
    requireWithinBounds(
      nodeId,
      'entries of the ledger',
      model.durable.snapshot?.value.ledger.length ?? 0,
      nodes + spares,
    );
  }

  #watchedDriver(host: StandaloneHost, clock: Clock): ConsensusDriver {
    const { nodeId, touch, world } = this.#options;
    const { advances, proposals } = world.invariants;
    return watchDriver(host.driver, {
      nodeId,
      advances,
      proposals,
      calls: this.#calls,
      leases: this.leases,
      monotonicMs: () => clock.monotonicMs(),
      report: world.report,
      touch,
    });
  }

  /** Compacts every so many records, and has the log looked at before anything of it goes. */
  #snapshotPolicy(host: () => StandaloneHost | undefined): SnapshotPolicy {
    const { plan, report } = this.#options.world;
    return SnapshotPolicy.when(({ appliedIdx, lastFiredIdx }) => {
      const running = host();
      if (running === undefined || appliedIdx - lastFiredIdx < plan.snapshotEvery) return false;
      try {
        this.#watch.checkLog(running);
      } catch (error) {
        if (!(error instanceof InvariantViolation)) throw error;
        report(error);
      }
      return true;
    });
  }
}

/** The same clock, but whoever only yields to the event loop, as the applier does after each chunk, gets `restMs` of rest. */
function withSlowApplier(clock: Clock, restMs: number): Clock {
  return {
    monotonicMs: clock.monotonicMs,
    wallMs: clock.wallMs,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs === 0 ? restMs : delayMs, callback),
  };
}

function describeLeadership(state: LeaderState): string {
  const ballotOf = (epoch: Epoch): string => formatBallot(ballotFromEpoch(epoch));
  switch (state.role) {
    case 'leader':
      return `leads in ballot ${ballotOf(state.epoch)}`;
    case 'follower':
      return `follows ballot ${ballotOf(state.leader.epoch)}`;
    case 'unknown':
      return 'knows no leader';
  }
}
