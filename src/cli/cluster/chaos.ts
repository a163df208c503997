import { TsoracleError } from '../../errors/index.js';
import { type Clock, delay } from '../../runtime/index.js';
import type { DelayedFault, Fault } from './fault-schedule.js';
import type { LoadProcess } from './load-process.js';
import type { NodeProcess } from './node-process.js';
import type { Progress } from './progress.js';

/** How long the clients may go without a grant after a fault is over, in ms. */
const SERVICE_TIMEOUT_MS = 30_000;

/** As much of a node's process as faults touch. */
type Victim = Pick<NodeProcess, 'place' | 'kill' | 'pause' | 'resume'>;

export interface ChaosOptions {
  readonly cluster: {
    readonly nodes: readonly Victim[];
    /** The node that serves; undefined if none does. */
    leader(): { readonly node: Victim } | undefined;
  };
  readonly load: Pick<LoadProcess, 'totals' | 'leaderKilled' | 'killsAnswered'>;
  readonly progress: Pick<Progress, 'event'>;
  readonly clock: Clock;
  /** What is done, one after the other. */
  readonly faults: Iterable<DelayedFault<Fault>>;
}

/** Kills and pauses node processes; each that was killed is started again from its disk. After each fault clients must be served again. */
export class Chaos {
  readonly #options: ChaosOptions;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /**
   * Until the faults are used up or `signal` is aborted, which rejects with its reason. Rejects if clients are not
   * served again.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, faults } = this.#options;
    for (const { afterMs, fault } of faults) {
      await delay(clock, afterMs, signal);
      await this.#act(fault, signal);
      await this.#untilServed(signal);
    }
  }

  async #act(fault: Fault, signal: AbortSignal): Promise<void> {
    const { clock, cluster } = this.#options;
    switch (fault.kind) {
      case 'kill':
        return this.#kill([this.#node(fault.node)]);
      case 'killLeader':
        return this.#killLeader();
      case 'killAll':
        return this.#kill(cluster.nodes);
      case 'pause':
        return this.#pause(this.#node(fault.node), fault.forMs, signal);
      case 'pauseLeader':
        return this.#pause(cluster.leader()?.node ?? this.#node(fault.node), fault.forMs, signal);
      case 'storm':
        await Promise.all(
          fault.faults.map(async ({ afterMs, fault: part }) => {
            await delay(clock, afterMs, signal);
            await this.#act(part, signal);
          }),
        );
    }
  }

  async #kill(nodes: readonly Victim[]): Promise<void> {
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
  async #pause(node: Victim, forMs: number, signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#options;
    progress.event(`SIGSTOP to node ${node.place.nodeId} for ${Math.round(forMs)} ms`);
    node.pause();
    try {
      await delay(clock, forMs, signal);
    } finally {
      node.resume();
    }
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

  #node(index: number): Victim {
    const node = this.#options.cluster.nodes[index];
    if (node === undefined) throw new TsoracleError('internal', `a cluster has no node at place ${index}`);
    return node;
  }
}
