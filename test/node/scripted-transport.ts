import {
  type ClusterConfig,
  hashClusterConfig,
  type Message,
  type MessageBody,
  type NodeId,
} from '../../src/omnipaxos/index.js';
import type {
  Admission,
  Hello,
  PeerTransport,
  PeerTransportHandlers,
  PeerTransportStats,
} from '../../src/transport/index.js';

type Body = MessageBody<string, number>;

/** A transport whose peers are the test itself. */
export class ScriptedTransport implements PeerTransport<string, number> {
  readonly sent: Message<string, number>[] = [];
  readonly trace: string[];
  readonly #nodeId: NodeId;
  readonly #config: ClusterConfig;
  #handlers: PeerTransportHandlers<string, number> | undefined;
  closed = 0;
  /** What `start` waits for. */
  starting: Promise<void> = Promise.resolve();
  /** Called in the middle of each send. */
  onSend: (message: Message<string, number>) => void = () => {};

  constructor(nodeId: NodeId, config: ClusterConfig, trace: string[] = []) {
    this.#nodeId = nodeId;
    this.#config = config;
    this.trace = trace;
  }

  get handlers(): PeerTransportHandlers<string, number> {
    if (this.#handlers === undefined) throw new Error('the transport has not been started');
    return this.#handlers;
  }

  async start(handlers: PeerTransportHandlers<string, number>): Promise<void> {
    this.#handlers = handlers;
    await this.starting;
  }

  send(message: Message<string, number>): void {
    this.sent.push(message);
    if (!isHeartbeat(message.body)) this.trace.push(`${message.body.kind} to ${message.to}`);
    this.onSend(message);
  }

  stats(): PeerTransportStats {
    return {
      messagesSent: this.sent.length,
      messagesReceived: 0,
      messagesDropped: 0,
      malformedFrames: 0,
      refusals: 0,
      connectionsOpened: 0,
    };
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  /** The Hello of a peer in its first life. */
  hello(nodeId: NodeId, changes: Partial<Hello> = {}): Hello {
    const directoryId = `000000000000000${nodeId}`;
    const bootId = `b00000000000000${nodeId}`;
    return {
      clusterId: 'test',
      nodeId,
      configId: this.#config.configId,
      configHash: hashClusterConfig(this.#config),
      directoryId,
      incarnation: 1,
      bootId,
      members: [{ nodeId, directoryId, incarnation: 1, bootId }],
      ...changes,
    };
  }

  /** A peer shakes hands and, if it is admitted, is connected. */
  async connect(nodeId: NodeId, changes: Partial<Hello> = {}): Promise<Admission> {
    const hello = this.hello(nodeId, changes);
    const admission = await this.handlers.admit(hello);
    if (admission.ok && this.closed === 0) this.handlers.onConnected(hello);
    return admission;
  }

  /** A message of a peer arrives. */
  deliver(from: NodeId, body: Body, changes: Partial<Message<string, number>> = {}): void {
    this.handlers.onMessage({
      from,
      to: this.#nodeId,
      configId: this.#config.configId,
      configHash: hashClusterConfig(this.#config),
      body,
      ...changes,
    });
  }

  /** The bodies of one kind that were sent, oldest first. */
  bodies<K extends Body['kind']>(kind: K): Extract<Body, { kind: K }>[] {
    return this.sent
      .map((message) => message.body)
      .filter((body): body is Extract<Body, { kind: K }> => body.kind === kind);
  }
}

function isHeartbeat(body: Body): boolean {
  return body.kind === 'heartbeatRequest' || body.kind === 'heartbeatReply';
}
