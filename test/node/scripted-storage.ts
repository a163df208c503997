import {
  BALLOT_ZERO,
  type ClusterConfig,
  formatBallot,
  type NodeId,
  type StableState,
  type StableWrite,
} from '../../src/omnipaxos/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import type { PeerIdentity, Storage, StorageIdentity } from '../../src/storage/index.js';

export interface ScriptedStorageOptions {
  readonly nodeId: NodeId;
  readonly config: ClusterConfig;
  readonly recovered?: Partial<StableState<string, number>>;
  readonly identity?: Partial<StorageIdentity>;
  readonly peers?: readonly PeerIdentity[];
  /** Where calls and completions are told. */
  readonly trace?: string[];
  /** Calls complete by themselves, as promise reactions. */
  readonly auto?: boolean;
}

interface Call {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A storage that remembers nothing, and whose calls complete, or fail, when the test says so. */
export class ScriptedStorage implements Storage<string, number> {
  readonly identity: StorageIdentity;
  readonly trace: string[];
  readonly #recovered: StableState<string, number>;
  readonly #calls: Call[] = [];
  #auto: boolean;
  #peers: readonly PeerIdentity[];
  closed = 0;
  refused: string | undefined;

  constructor(options: ScriptedStorageOptions) {
    const { nodeId, config, recovered, identity, peers = [], trace = [], auto = false } = options;
    this.identity = {
      clusterId: 'test',
      nodeId,
      directoryId: `000000000000000${nodeId}`,
      incarnation: 1,
      bootIds: ['b000000000000001'],
      ...identity,
    };
    this.#recovered = {
      config,
      promise: BALLOT_ZERO,
      acceptedRound: BALLOT_ZERO,
      decidedIdx: 0,
      records: [],
      ...recovered,
    };
    this.#peers = peers;
    this.trace = trace;
    this.#auto = auto;
  }

  load(): StableState<string, number> {
    return this.#recovered;
  }

  peers(): readonly PeerIdentity[] {
    return this.#peers;
  }

  persist(writes: readonly StableWrite<string, number>[], needsSync: boolean): Promise<void> {
    return this.#call(`${needsSync ? 'fsync' : 'write'} [${writes.map(describeWrite).join(', ')}]`);
  }

  async rememberPeers(peers: readonly PeerIdentity[]): Promise<void> {
    await this.#call(`remember [${peers.map((peer) => `${peer.nodeId}.${peer.incarnation}`).join(', ')}]`);
    this.#peers = peers;
  }

  async markRefused(reason: string): Promise<void> {
    await this.#call('mark refused');
    this.refused = reason;
  }

  async close(): Promise<void> {
    this.closed += 1;
    this.trace.push('close storage');
  }

  /** What is under way, oldest first. */
  get underWay(): readonly string[] {
    return this.#calls.map((call) => call.text);
  }

  /** The oldest call completes. */
  complete(): void {
    const call = this.#next();
    this.trace.push('done');
    call.resolve();
  }

  /** The oldest call fails. */
  fail(error: unknown = new Error('EIO')): void {
    const call = this.#next();
    this.trace.push('failed');
    call.reject(error);
  }

  /** From now on calls complete by themselves; those under way complete now. */
  completeAll(): void {
    this.#auto = true;
    while (this.#calls.length > 0) this.complete();
  }

  #next(): Call {
    const call = this.#calls.shift();
    if (call === undefined) throw new Error('no call is under way');
    return call;
  }

  #call(text: string): Promise<void> {
    this.trace.push(text);
    if (this.#auto) return Promise.resolve();
    const { promise, resolve, reject } = withResolvers<void>();
    this.#calls.push({ text, resolve, reject });
    return promise;
  }
}

function describeWrite(write: StableWrite<string, number>): string {
  switch (write.kind) {
    case 'promise':
      return `promise ${formatBallot(write.promise)}`;
    case 'append':
      return `append ${write.fromIdx}+${write.records.length}`;
    case 'sync':
      return `sync ${write.logSync.syncIdx}+${write.logSync.suffix.length}`;
    case 'decided':
      return `decided ${write.decidedIdx}`;
    case 'snapshot':
      return `snapshot ${write.snapshot.compactedIdx}`;
    case 'enterConfig':
      return `enter ${write.config.configId}`;
  }
}
