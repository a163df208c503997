import type { Message, MessageBody, NodeId } from '../../src/omnipaxos/index.js';
import type { Admission, Hello, PeerTransportHandlers } from '../../src/transport/index.js';
import { testHello } from './test-hello.js';

/** What a node would be to a transport: admits whom it is told to, and keeps what it is told. */
export class TestPeer implements PeerTransportHandlers<string, number> {
  readonly nodeId: NodeId;
  readonly events: string[] = [];
  readonly messages: Message<string, number>[] = [];
  readonly connected = new Set<NodeId>();
  readonly judged: Hello[] = [];
  changes: Partial<Hello>;
  verdict: (peer: Hello) => Admission | Promise<Admission> = () => ({ ok: true });
  /** Called with each message, besides keeping it. */
  react: (message: Message<string, number>) => void = () => {};

  constructor(nodeId: NodeId, changes: Partial<Hello> = {}) {
    this.nodeId = nodeId;
    this.changes = changes;
  }

  hello(): Hello {
    return testHello(this.nodeId, this.changes);
  }

  async admit(hello: Hello): Promise<Admission> {
    this.judged.push(hello);
    return await this.verdict(hello);
  }

  onConnected(peer: Hello): void {
    this.connected.add(peer.nodeId);
    this.events.push(`+${peer.nodeId}`);
  }

  onDisconnected(nodeId: NodeId): void {
    this.connected.delete(nodeId);
    this.events.push(`-${nodeId}`);
  }

  onMessage(message: Message<string, number>): void {
    this.messages.push(message);
    this.react(message);
  }
}

const BALLOT = { configId: 1, n: 1, priority: 0, pid: 1 };

export function testMessage(
  from: NodeId,
  to: NodeId,
  body: MessageBody<string, number>,
): Message<string, number> {
  return { from, to, configId: 1, configHash: 0xabcdef, body };
}

/** A message of the urgent lane. */
export function heartbeat(from: NodeId, to: NodeId, round: number): Message<string, number> {
  return testMessage(from, to, { kind: 'heartbeatRequest', round, incarnation: 1, peerIncarnation: 1 });
}

/** A message of the bulk lane, of about as many bytes as asked for. */
export function bulk(from: NodeId, to: NodeId, counter: number, bytes = 10): Message<string, number> {
  return testMessage(from, to, {
    kind: 'acceptDecide',
    n: BALLOT,
    seqNum: { session: 1, counter },
    decidedIdx: 0,
    records: [{ kind: 'entry', entry: 'x'.repeat(bytes) }],
  });
}

/** Which bulk messages these are. */
export function counters(messages: readonly Message<string, number>[]): number[] {
  return messages.flatMap(({ body }) => (body.kind === 'acceptDecide' ? [body.seqNum.counter] : []));
}

/** Which heartbeats these are. */
export function rounds(messages: readonly Message<string, number>[]): number[] {
  return messages.flatMap(({ body }) => (body.kind === 'heartbeatRequest' ? [body.round] : []));
}
