import { type Clock, delay, SeededRandom, type Timer } from '../../runtime/index.js';
import type { ClusterOptions } from '../commands/cluster.js';
import { NO_LOAD } from '../load/load-messages.js';
import { repeat } from '../repeat.js';
import { untilAborted } from '../until-aborted.js';
import { Chaos } from './chaos.js';
import { describeExit } from './child.js';
import type { Children } from './children.js';
import { drawFaults } from './fault-schedule.js';
import type { ClusterLayout } from './layout.js';
import { LoadProcess } from './load-process.js';
import { LocalCluster } from './local-cluster.js';
import { formatEpoch, type Progress } from './progress.js';
import { judge, type Verdict } from './verdict.js';

/** How long all nodes may take to be ready and one of them to serve, in ms. */
const START_TIMEOUT_MS = 30_000;
/** How long a cluster may be without a leader when one is to be killed, in ms. */
const LEADER_TIMEOUT_MS = 30_000;
/** How long the end of a run waits for a grant after the last kill, in ms. */
const LAST_GRANT_TIMEOUT_MS = 30_000;
/** How long the load may take to end, in ms. */
const LOAD_STOP_TIMEOUT_MS = 10_000;

export interface ClusterRunOptions {
  readonly options: ClusterOptions;
  readonly layout: ClusterLayout;
  readonly children: Children;
  readonly progress: Progress;
  readonly clock: Clock;
  /** What the faults of a run with chaos are drawn from. */
  readonly seed: number;
}

/** One run of a local cluster under load, from its start to its verdict. To be used once. */
export class ClusterRun {
  readonly #options: ClusterOptions;
  readonly #layout: ClusterLayout;
  readonly #children: Children;
  readonly #progress: Progress;
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #cluster: LocalCluster;
  /** Aborted when the load is to end: its time is over, the user wants it, or the cluster has broken down. */
  readonly #ending = new AbortController();
  #load: LoadProcess | undefined;
  #loadCrashes = 0;
  #breakdown: string | undefined;

  constructor({ options, layout, children, progress, clock, seed }: ClusterRunOptions) {
    this.#options = options;
    this.#layout = layout;
    this.#children = children;
    this.#progress = progress;
    this.#clock = clock;
    this.#seed = seed;
    this.#cluster = new LocalCluster({ places: layout.nodes, children, logLevel: options.logLevel, clock });
    this.#followCluster();
  }

  /**
   * Runs until its duration is over or `signal` is aborted, then stops every process and judges. What goes
   * wrong with the cluster is in the verdict.
   */
  async run(signal: AbortSignal): Promise<Verdict> {
    const end = (): void => this.#ending.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      await this.#cluster.start(START_TIMEOUT_MS, this.#ending.signal);
      await this.#underLoad();
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#breakDown(error);
    } finally {
      signal.removeEventListener('abort', end);
      await this.#cluster.stop();
    }
    return this.#judge();
  }

  async #underLoad(): Promise<void> {
    const load = this.#startLoad();
    await this.#untilServed(load);
    if (!this.#ending.signal.aborted) this.#progress.loadBegins();
    const { chaos, duration, killLeaderEvery } = this.#options;
    const timers: Timer[] = [this.#tellEachSecond(load)];
    if (duration !== undefined) {
      timers.push(this.#clock.setTimer(duration * 1000, () => this.#ending.abort()));
    }
    const faults: Promise<void>[] = [];
    if (killLeaderEvery !== undefined) faults.push(this.#killLeaders(load, killLeaderEvery * 1000));
    if (chaos) faults.push(this.#chaos(load));
    await untilAborted(this.#ending.signal);
    for (const timer of timers) timer.cancel();
    await Promise.all(faults);
    if (chaos) await this.#allBack();
    await load.killsAnswered(LAST_GRANT_TIMEOUT_MS);
    if (!(await load.stop(LOAD_STOP_TIMEOUT_MS))) this.#loadCrashes++;
  }

  #startLoad(): LoadProcess {
    const endpoints = this.#layout.nodes.map(({ clientEndpoint }) => clientEndpoint);
    const load = new LoadProcess(this.#children, this.#clock, { endpoints, clients: this.#options.clients });
    this.#load = load;
    let gapsTold = 0;
    load.events.on('totals', ({ failoverGapsMs }) => {
      for (const gapMs of failoverGapsMs.slice(gapsTold)) {
        this.#progress.event(`clients are served again, after ${Math.round(gapMs)} ms without a grant`);
      }
      gapsTold = failoverGapsMs.length;
    });
    void load.child.exited.then((exit) => {
      if (!load.stopping) this.#breakDown(`the process of the clients ended, ${describeExit(exit)}`);
    });
    return load;
  }

  /** The time of the run begins with the first grant: the process of the clients takes its own time to start. Never rejects. */
  async #untilServed(load: LoadProcess): Promise<void> {
    const { signal } = this.#ending;
    try {
      await load.served(START_TIMEOUT_MS, signal);
    } catch (error) {
      if (!signal.aborted) this.#breakDown(error);
    }
  }

  /** Every node that was killed must be ready again before the run ends. Never rejects. */
  async #allBack(): Promise<void> {
    if (this.#breakdown !== undefined) return;
    try {
      await this.#cluster.allReady(START_TIMEOUT_MS);
    } catch (error) {
      this.#breakDown(error);
    }
  }

  /** Never rejects. */
  async #killLeaders(load: LoadProcess, everyMs: number): Promise<void> {
    const { signal } = this.#ending;
    try {
      while (!signal.aborted) {
        await delay(this.#clock, everyMs, signal);
        const nodeId = await this.#cluster.killLeader(LEADER_TIMEOUT_MS, signal);
        load.leaderKilled();
        this.#progress.event(`node ${nodeId}, the leader, was killed with SIGKILL`);
      }
    } catch (error) {
      if (!signal.aborted) this.#breakDown(error);
    }
  }

  /** Never rejects. */
  async #chaos(load: LoadProcess): Promise<void> {
    const { signal } = this.#ending;
    this.#progress.event(`faults are drawn from seed ${this.#seed}`);
    const chaos = new Chaos({
      cluster: this.#cluster,
      load,
      progress: this.#progress,
      clock: this.#clock,
      faults: drawFaults(new SeededRandom(this.#seed), this.#cluster.nodes.length),
    });
    try {
      await chaos.run(signal);
    } catch (error) {
      if (!signal.aborted) this.#breakDown(error);
    }
  }

  #tellEachSecond(load: LoadProcess): Timer {
    let told = NO_LOAD;
    return repeat(this.#clock, 1_000, () => {
      const { totals } = load;
      const seconds = (totals.elapsedMs - told.elapsedMs) / 1000;
      const timestamps = totals.timestamps - told.timestamps;
      told = totals;
      const leader = this.#cluster.leader();
      this.#progress.second({
        leaderId: leader?.node.place.nodeId,
        epoch: leader?.epoch,
        highWater: this.#cluster.highWater,
        decidedIdx: this.#cluster.decidedIdx,
        timestampsPerSecond: seconds > 0 ? timestamps / seconds : 0,
        failovers: this.#cluster.failovers,
      });
    });
  }

  #followCluster(): void {
    const { events } = this.#cluster;
    const progress = this.#progress;
    events.on('leader', ({ nodeId, epoch }) =>
      progress.event(`node ${nodeId} leads, epoch ${formatEpoch(epoch)}`),
    );
    events.on('ready', ({ nodeId, pid, again }) =>
      progress.event(`node ${nodeId} is ready${again ? ' again, from its disk' : ''}, process ${pid}`),
    );
    events.on('ended', (nodeId, exit) =>
      progress.failure(`node ${nodeId} ended by itself, ${describeExit(exit)}`),
    );
    events.on('failed', (error) => this.#breakDown(error));
  }

  #breakDown(reason: unknown): void {
    this.#breakdown ??= reason instanceof Error ? reason.message : String(reason);
    this.#ending.abort();
  }

  #judge(): Verdict {
    return judge({
      nodes: this.#layout.nodes.length,
      load: this.#load?.totals ?? NO_LOAD,
      failovers: this.#cluster.failovers,
      kills: this.#cluster.nodes.reduce((sum, node) => sum + node.kills, 0),
      leaderKills: this.#load?.kills ?? 0,
      restarts: this.#cluster.nodes.reduce((sum, node) => sum + node.restarts, 0),
      pauses: this.#cluster.nodes.reduce((sum, node) => sum + node.pauses, 0),
      highWater: this.#cluster.highWater,
      decidedIdx: this.#cluster.decidedIdx,
      unexpectedExits: this.#cluster.unexpectedExits + this.#loadCrashes,
      unreaped: this.#children.running,
      breakdown: this.#breakdown,
      seed: this.#options.chaos ? this.#seed : undefined,
    });
  }
}
