import { TsoracleError } from '../../errors/index.js';
import { type Clock, delay, type Random } from '../../runtime/index.js';
import type { LoadProcess } from './load-process.js';
import type { LocalCluster } from './local-cluster.js';
import type { NodeProcess } from './node-process.js';
import type { Progress } from './progress.js';

/** How long the clients may go without a grant after a fault is over, in ms. */
const SERVICE_TIMEOUT_MS = 30_000;
/** How long the longest pause of a process lasts, in ms. */
const PAUSE_MS_MAX = 4_000;

/** What is done to the processes of a cluster. */
type Fault = 'kill' | 'killLeader' | 'killAll' | 'pause' | 'pauseLeader' | 'storm';

/** How often each comes, relative to the others. */
const WEIGHTS: readonly (readonly [Fault, number])[] = [
  ['kill', 3],
  ['killLeader', 4],
  ['killAll', 1],
  ['pause', 3],
  ['pauseLeader', 3],
  ['storm', 2],
];

export interface ChaosOptions {
  readonly cluster: LocalCluster;
  readonly load: LoadProcess;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Kills and pauses node processes at random, one fault after the other or several at once; each process that
 * was killed is started again from its disk. After each fault clients must be served again.
 */
export class Chaos {
  readonly #options: ChaosOptions;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** Until `signal` is aborted, which rejects with its reason. Rejects if clients are not served again. */
  async run(signal: AbortSignal): Promise<never> {
    const { clock } = this.#options;
    while (true) {
      await delay(clock, this.#between(200, 3_000), signal);
      await this.#act(this.#draw(), signal);
      await this.#untilServed(signal);
    }
  }

  async #act(fault: Fault, signal: AbortSignal): Promise<void> {
    const { cluster } = this.#options;
    switch (fault) {
      case 'kill':
        return this.#kill([this.#pick(cluster.nodes)]);
      case 'killLeader':
        return this.#killLeader();
      case 'killAll':
        return this.#kill(cluster.nodes);
      case 'pause':
        return this.#pause(this.#pick(cluster.nodes), signal);
      case 'pauseLeader':
        return this.#pause(cluster.leader()?.node ?? this.#pick(cluster.nodes), signal);
      case 'storm':
        return this.#storm(signal);
    }
  }

  async #kill(nodes: readonly NodeProcess[]): Promise<void> {
    const names = nodes.map(({ place }) => place.nodeId).join(', ');
    this.#options.progress.event(`SIGKILL to node ${names}`);
    await Promise.all(nodes.map((node) => node.kill()));
  }

  /** Alone among the faults this one is timed: from the last grant before it to the first one after it. */
  async #killLeader(): Promise<void> {
    const { cluster, load, progress } = this.#options;
    const leader = cluster.leader()?.node;
    if (leader === undefined) return;
    progress.event(`SIGKILL to node ${leader.place.nodeId}, the leader`);
    await leader.kill();
    load.leaderKilled();
    await load.killsAnswered(SERVICE_TIMEOUT_MS);
  }

  /** The process stands still; its clocks, its peers and its clients go on. */
  async #pause(node: NodeProcess, signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#options;
    const forMs = this.#between(50, PAUSE_MS_MAX);
    progress.event(`SIGSTOP to node ${node.place.nodeId} for ${Math.round(forMs)} ms`);
    node.pause();
    try {
      await delay(clock, forMs, signal);
    } finally {
      node.resume();
    }
  }

  /** Several faults whose times overlap. */
  async #storm(signal: AbortSignal): Promise<void> {
    const { clock, cluster } = this.#options;
    const faults = Array.from({ length: 3 + Math.floor(this.#between(0, 3)) }, async () => {
      await delay(clock, this.#between(0, 2_000), signal);
      const node = this.#pick(cluster.nodes);
      if (this.#between(0, 1) < 0.5) await this.#kill([node]);
      else await this.#pause(node, signal);
    });
    await Promise.all(faults);
  }

  async #untilServed(signal: AbortSignal): Promise<void> {
    const { clock, load } = this.#options;
    const { timestamps } = load.totals;
    const endMs = clock.monotonicMs() + SERVICE_TIMEOUT_MS;
    while (load.totals.timestamps <= timestamps) {
      if (clock.monotonicMs() >= endMs) {
        throw new TsoracleError(
          'cluster_timeout',
          `no grant for ${SERVICE_TIMEOUT_MS} ms after a fault was over`,
        );
      }
      await delay(clock, 50, signal);
    }
  }

  #draw(): Fault {
    let dice = this.#between(
      0,
      WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0),
    );
    for (const [fault, weight] of WEIGHTS) {
      dice -= weight;
      if (dice < 0) return fault;
    }
    return 'kill';
  }

  #pick(nodes: readonly NodeProcess[]): NodeProcess {
    const node = nodes[Math.floor(this.#between(0, nodes.length))];
    if (node === undefined) throw new TsoracleError('internal', 'a cluster has at least one node');
    return node;
  }

  #between(min: number, max: number): number {
    return min + this.#options.random.nextFloat() * (max - min);
  }
}
