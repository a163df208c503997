import { join } from 'node:path';
import { expect } from 'vitest';
import type { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { parseStatusLine, type StatusLine } from '../../src/cli/serve/status-line.js';
import { initDataDirectory } from '../../src/storage/index.js';
import { CuttableLink } from '../support/cuttable-link.js';
import type { CliProcess, CliProcesses } from './cli-process.js';

const NODE_IDS = [1, 2, 3];

export interface LinkedNode {
  readonly nodeId: number;
  readonly clientEndpoint: string;
  readonly process: CliProcess;
}

export interface LinkedClusterOptions {
  readonly directory: string;
  readonly leaseMs: number;
  readonly ports: ClusterPorts;
  readonly processes: CliProcesses;
}

/** Three nodes, a process each, that reach each other over links that can be cut, and their clients directly. */
export class LinkedCluster {
  readonly nodes: readonly LinkedNode[];
  /** By the two nodes that it leads from and to. */
  readonly #links: ReadonlyMap<string, CuttableLink>;

  /** Resolves when one of the nodes serves. */
  static async start({ directory, leaseMs, ports, processes }: LinkedClusterOptions): Promise<LinkedCluster> {
    const peerPorts = await ports.takePorts(NODE_IDS.length);
    const clientPorts = await ports.takePorts(NODE_IDS.length);
    const links = new Map<string, CuttableLink>();
    const nodes: LinkedNode[] = [];
    for (const [index, nodeId] of NODE_IDS.entries()) {
      const peerAddresses = new Map<number, string>();
      for (const [peerIndex, peerId] of NODE_IDS.entries()) {
        let port = peerPorts[peerIndex] ?? 0;
        if (peerId !== nodeId) {
          const link = await CuttableLink.open(port);
          links.set(`${nodeId}>${peerId}`, link);
          port = link.port;
        }
        peerAddresses.set(peerId, `127.0.0.1:${port}`);
      }
      const dataDir = join(directory, `node-${nodeId}`);
      const config = { configId: 1, nodes: NODE_IDS, leaseMs, maxClockDrift: 0.01 };
      await initDataDirectory({ dataDir, clusterId: 'linked', nodeId, config, peerAddresses });
      const clientEndpoint = `127.0.0.1:${clientPorts[index] ?? 0}`;
      const process = processes.start([
        ...['serve', 'paxos', '--data-dir', dataDir, '--peer-listen', `127.0.0.1:${peerPorts[index] ?? 0}`],
        ...['--listen', clientEndpoint, '--advertise', clientEndpoint, '--status-json'],
        ...['--log-level', 'error'],
      ]);
      nodes.push({ nodeId, clientEndpoint, process });
    }
    const cluster = new LinkedCluster(nodes, links);
    await cluster.leaderOtherThan(undefined);
    return cluster;
  }

  private constructor(nodes: readonly LinkedNode[], links: ReadonlyMap<string, CuttableLink>) {
    this.nodes = nodes;
    this.#links = links;
  }

  get endpoints(): string[] {
    return this.nodes.map(({ clientEndpoint }) => clientEndpoint);
  }

  /** Waits until a node serves that is not `other`. */
  async leaderOtherThan(other: LinkedNode | undefined): Promise<LinkedNode> {
    const find = (): LinkedNode | undefined =>
      this.nodes.find((node) => node !== other && statusOf(node)?.role === 'leader');
    await expect.poll(() => find() !== undefined, { timeout: 20_000, interval: 10 }).toBe(true);
    const leader = find();
    if (leader === undefined) throw new Error('the leader is none any more');
    return leader;
  }

  /** Waits until `node` says that it follows somebody. */
  async follows(node: LinkedNode): Promise<void> {
    await expect.poll(() => statusOf(node)?.role, { timeout: 20_000, interval: 10 }).toBe('follower');
  }

  /** Cuts all links between `node` and its peers, in both directions. Its clients still reach it. */
  cutOff(node: LinkedNode): void {
    for (const link of this.#linksOf(node)) link.cut();
  }

  heal(node: LinkedNode): void {
    for (const link of this.#linksOf(node)) link.heal();
  }

  async closeLinks(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #linksOf({ nodeId }: LinkedNode): CuttableLink[] {
    return [...this.#links]
      .filter(([name]) => name.split('>').includes(String(nodeId)))
      .map(([, link]) => link);
  }
}

/** What a node has told last; a process that stands still tells nothing new. */
function statusOf({ process }: LinkedNode): StatusLine | undefined {
  const last = process.out.at(-1);
  return last === undefined ? undefined : parseStatusLine(last);
}
