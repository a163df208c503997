import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  initDataDirectory,
  Oracle,
  openJournal,
  type PeerTransport,
  packTimestamp,
  TcpPeerTransport,
} from '../../../src/index.js';
import { freePorts } from '../free-ports.js';
import { type KvEntry, type KvSnapshot, kvCodecs, kvOnlyCodecs } from './kv-log.js';
import { KvNode } from './kv-node.js';
import { type MortalProcess, mortalProcess } from './mortal-process.js';

const NODES: readonly number[] = [1, 2, 3];
/** Small, so that a node which was away for a little while needs a snapshot. */
const SNAPSHOT_EVERY = 16;
const WITHIN_MS = 20_000;

/** Which release of the service runs. */
export type Release = 'kv only' | 'carries the high-water';

/** A node of the service; with the release that carries the high-water, an oracle on top of it. */
interface Member {
  readonly process: MortalProcess;
  readonly transport: PeerTransport<KvEntry, KvSnapshot>;
  readonly node: KvNode;
  readonly oracle: Oracle | undefined;
}

/** Three nodes in this process, with real disks and sockets. */
export class KvCluster implements AsyncDisposable {
  readonly #folder: string;
  readonly #addresses: ReadonlyMap<number, string>;
  readonly #running = new Map<number, Member>();

  static async create(): Promise<KvCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'tsoracle-piggyback-'));
    const ports = await freePorts(NODES.length);
    const addresses = new Map(NODES.map((nodeId, i) => [nodeId, `127.0.0.1:${ports[i]}`]));
    for (const nodeId of NODES) {
      await initDataDirectory({
        dataDir: join(folder, `node-${nodeId}`),
        clusterId: 'piggyback-kv',
        nodeId,
        config: { configId: 1, nodes: NODES, leaseMs: 250, maxClockDrift: 0.01 },
        peerAddresses: addresses,
      });
    }
    return new KvCluster(folder, addresses);
  }

  private constructor(folder: string, addresses: ReadonlyMap<number, string>) {
    this.#folder = folder;
    this.#addresses = addresses;
  }

  dataDir(nodeId: number): string {
    return join(this.#folder, `node-${nodeId}`);
  }

  get nodes(): readonly KvNode[] {
    return [...this.#running.values()].map(({ node }) => node);
  }

  async start(nodeId: number, release: Release = 'carries the high-water'): Promise<KvNode> {
    const codecs = release === 'kv only' ? kvOnlyCodecs : kvCodecs;
    const process = mortalProcess();
    const storage = await openJournal({
      dataDir: this.dataDir(nodeId),
      fileSystem: process.fileSystem,
      processInfo: process.processInfo,
      entryCodec: codecs.entry,
      snapshotCodec: codecs.snapshot,
    });
    const transport = new TcpPeerTransport({
      nodeId,
      listen: this.#addresses.get(nodeId) ?? '',
      peers: new Map([...this.#addresses].filter(([peer]) => peer !== nodeId)),
      codecs,
    });
    const node = await KvNode.start({ storage, transport, snapshotEvery: SNAPSHOT_EVERY });
    const oracle = release === 'kv only' ? undefined : Oracle.start({ driver: node.driver });
    this.#running.set(nodeId, { process, transport, node, oracle });
    return node;
  }

  async startAll(release?: Release): Promise<void> {
    await Promise.all(NODES.map((nodeId) => this.start(nodeId, release)));
  }

  async stop(nodeId: number): Promise<void> {
    const member = this.#running.get(nodeId);
    this.#running.delete(nodeId);
    await member?.oracle?.close();
    await member?.node.close();
  }

  /**
   * The node dies in mid-work: nothing reaches its disk any more, its lock stays, and its connections break as those of a killed process
   * do. What is left of it in this process is cleared away then.
   */
  async kill(nodeId: number): Promise<void> {
    const member = this.#running.get(nodeId);
    this.#running.delete(nodeId);
    member?.process.kill();
    await member?.transport.close();
    await member?.oracle?.close();
    await member?.node.close();
  }

  async stopAll(): Promise<void> {
    await Promise.all(NODES.map((nodeId) => this.stop(nodeId)));
  }

  /** The node that leads, which may be another one soon. */
  async leader(): Promise<readonly [nodeId: number, node: KvNode]> {
    const [nodeId, { node }] = await until(() =>
      [...this.#running].find(([, member]) => member.node.status().role === 'leader'),
    );
    return [nodeId, node];
  }

  /** Writes through the leader; again, if the write was lost on a change of leaders, which does no harm. */
  async put(key: string, value: string, attempts = 3): Promise<void> {
    const [, node] = await this.leader();
    try {
      await node.put(key, value);
    } catch (error) {
      if (attempts === 1) throw error;
      await this.put(key, value, attempts - 1);
    }
  }

  /** A timestamp of whichever node serves, as soon as one does. */
  async timestamp(): Promise<bigint> {
    return this.#timestampNow() ?? (await until(() => this.#timestampNow()));
  }

  #timestampNow(): bigint | undefined {
    for (const { oracle } of this.#running.values()) {
      const result = oracle?.tryGrant(1);
      if (result?.ok === true) return packTimestamp(result.grant.physicalMs, result.grant.logicalStart);
    }
    return undefined;
  }

  /** Waits until every node that runs has folded as much as the one that is furthest. */
  async settled(): Promise<void> {
    await until(() => {
      const applied = this.nodes.map((node) => node.status().appliedIdx);
      return Math.min(...applied) === Math.max(...applied) ? true : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Waits for what the condition gives. */
export async function until<T>(condition: () => T | undefined): Promise<T> {
  for (const began = performance.now(); performance.now() - began < WITHIN_MS; await pause(5)) {
    const value = condition();
    if (value !== undefined) return value;
  }
  throw new Error(`the condition did not hold within ${WITHIN_MS} ms`);
}
