import { encodeMessage } from '../../src/codec/index.js';
import type { Message, NodeId } from '../../src/omnipaxos/index.js';
import type { Clock, Timer } from '../../src/runtime/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { TcpPeerTransport, type TcpPeerTransportOptions } from '../../src/transport/index.js';
import { testCodecs } from '../codec/test-codecs.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import { FakeNetwork } from './fake-sockets.js';
import { TestPeer } from './test-peer.js';

export type BenchOptions = Partial<TcpPeerTransportOptions<string, number>>;

/** The address of a node on the bench. */
export const addressOf = (nodeId: NodeId): string => `node-${nodeId}:1`;

/** One process of a node. */
export interface BenchNode {
  readonly transport: TcpPeerTransport<string, number>;
  readonly peer: TestPeer;
}

/** Counts the timers that are armed through it. */
class CountingClock implements Clock {
  armed = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    this.armed += 1;
    let isArmed = true;
    const disarm = (): void => {
      if (isArmed) this.armed -= 1;
      isArmed = false;
    };
    const timer = this.#clock.setTimer(delayMs, () => {
      disarm();
      callback();
    });
    return {
      cancel: () => {
        disarm();
        timer.cancel();
      },
    };
  }
}

/** TCP transports over fake sockets, on virtual time. */
export class TcpBench implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly network = new FakeNetwork(this.clock);
  readonly #transportClock = new CountingClock(this.clock);
  readonly lines: LogLine[] = [];
  readonly #nodes: readonly NodeId[];
  readonly #options: BenchOptions;
  readonly #transports: TcpPeerTransport<string, number>[] = [];

  constructor(nodes: readonly NodeId[] = [1, 2], options: BenchOptions = {}) {
    this.#nodes = nodes;
    this.#options = options;
  }

  /** Starts a process of a node; `peer` is who it is, if it is not the node in its first life. */
  async start(nodeId: NodeId, options: BenchOptions = {}, peer = new TestPeer(nodeId)): Promise<BenchNode> {
    const transport = new TcpPeerTransport<string, number>({
      nodeId,
      listen: addressOf(nodeId),
      peers: new Map(this.#nodes.filter((id) => id !== nodeId).map((id) => [id, addressOf(id)])),
      codecs: testCodecs,
      clock: this.#transportClock,
      random: new SeededRandom(nodeId),
      logger: recordingLogger(this.lines),
      nextTurn: (callback) => void this.clock.setTimer(0, callback),
      socketFactory: this.network.factory({}, nodeId),
      ...this.#options,
      ...options,
    });
    this.#transports.push(transport);
    await transport.start(peer);
    return { transport, peer };
  }

  /** Starts nodes 1 and 2 at the same time, and lets them connect. */
  async startPair(): Promise<[BenchNode, BenchNode]> {
    const pair = await Promise.all([this.start(1), this.start(2)]);
    await this.pass(50);
    return pair;
  }

  /** A message as it goes over the wire. */
  encode(message: Message<string, number>): Uint8Array {
    return encodeMessage(message, testCodecs);
  }

  pass(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms);
  }

  /** How many timers of the transports are armed. */
  get armedTimers(): number {
    return this.#transportClock.armed;
  }

  warnings(): unknown[] {
    return this.lines.flatMap(({ level, fields }) => (level === 'warn' ? [fields['reason']] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }
}
