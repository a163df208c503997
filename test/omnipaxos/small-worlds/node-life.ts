import { type Ballot, formatBallot, type NodeId, OmniPaxos } from '../../../src/omnipaxos/index.js';
import { type TestBatch, TestDisk, type TestMessage } from '../core-cluster.js';

/** What can happen to one node. */
export type Input =
  | { readonly kind: 'takeOver' }
  | { readonly kind: 'append'; readonly entry: string }
  | { readonly kind: 'deliver'; readonly message: TestMessage }
  /** The oldest batch becomes durable. */
  | { readonly kind: 'persist' }
  /** Everything not synced is lost, and the node starts again. */
  | { readonly kind: 'crash' };

/** What can be seen of a node after its inputs. */
export interface Observation {
  /** What the last input has sent. */
  readonly sent: readonly TestMessage[];
  readonly held: number;
  /** The synced disk: accepted entries from index 0. */
  readonly disk: readonly string[];
  /** The log with all writes carried out, synced or not. */
  readonly log: readonly string[];
  /** The most that any life of this node has decided. */
  readonly decided: readonly string[];
  /** The ballot that it leads. */
  readonly ballot: Ballot | undefined;
  /** All that was led: ballot and life. */
  readonly led: readonly string[];
  readonly fault: string | undefined;
}

const NODES = [1, 2, 3];
const CONFIG = { configId: 1, nodes: NODES, leaseMs: 0, maxClockDrift: 0.01 };

/** One node with its disk, driven by inputs only: the same inputs always make the same node. */
class Life {
  readonly #pid: NodeId;
  readonly #disk = new TestDisk(CONFIG);
  #core: OmniPaxos<string, string>;
  #incarnation = 1;
  #held: TestBatch[] = [];
  #sent: TestMessage[] = [];
  #decided: string[] = [];
  #decidedIdx = 0;
  readonly #led = new Set<string>();
  #fault: string | undefined;

  constructor(pid: NodeId) {
    this.#pid = pid;
    this.#core = this.#start();
    this.#collect();
  }

  apply(input: Input): void {
    this.#sent = [];
    switch (input.kind) {
      case 'takeOver':
        this.#core.tryBecomeLeader();
        break;
      case 'append':
        this.#core.append(input.entry, { forward: false });
        break;
      case 'deliver':
        this.#core.handleIncoming(structuredClone(input.message));
        break;
      case 'persist':
        this.#persist();
        break;
      case 'crash':
        this.#incarnation += 1;
        this.#held = [];
        this.#core = this.#start();
        this.#decidedIdx = this.#core.decidedIdx;
        for (const pid of NODES) if (pid !== this.#pid) this.#core.reconnected(pid);
        break;
    }
    this.#collect();
  }

  observe(): Observation {
    const disk = this.#disk.crash();
    const unsynced = new TestDisk(CONFIG);
    unsynced.replace(disk);
    for (const batch of this.#held) unsynced.write(batch.writes);
    unsynced.sync();
    const entries = (state: typeof disk): string[] =>
      state.records.map((record) => (record.kind === 'entry' ? record.entry : 'stop sign'));
    const view = this.#core.leadership();
    return {
      sent: this.#sent,
      held: this.#held.length,
      disk: entries(disk),
      log: entries(unsynced.crash()),
      decided: this.#decided,
      ballot: view.role === 'leader' ? view.ballot : undefined,
      led: [...this.#led],
      fault: this.#fault,
    };
  }

  #start(): OmniPaxos<string, string> {
    return new OmniPaxos({ pid: this.#pid, incarnation: this.#incarnation }, this.#disk.crash());
  }

  #persist(): void {
    const batch = this.#held.shift();
    if (batch === undefined) return;
    this.#disk.write(batch.writes);
    this.#disk.sync();
    this.#core.persisted(batch.writeToken);
    this.#send(batch.messagesAfterWrites);
  }

  /** Heartbeats are left out: who takes over is an input of its own, so that only Sequence Paxos is explored. */
  #send(messages: readonly TestMessage[]): void {
    this.#sent.push(...messages.filter(({ body }) => !body.kind.startsWith('heartbeat')));
  }

  #collect(): void {
    for (let batch = this.#core.takeOutput(); batch !== undefined; batch = this.#core.takeOutput()) {
      const copy = structuredClone(batch);
      this.#send(copy.messages);
      this.#held.push(copy);
      for (const fact of copy.facts) if (fact.kind === 'violation') this.#fault = fact.detail;
      // A batch that writes nothing has nothing to wait for, unless earlier ones do.
      if (copy.writes.length === 0 && this.#held.length === 1) this.#persist();
    }
    if (this.#core.decidedIdx < this.#decidedIdx) this.#fault = 'decidedIdx has fallen within a life';
    this.#decidedIdx = this.#core.decidedIdx;
    const decided = this.#core.read(0).map((item) => (item.kind === 'entry' ? item.entry : item.kind));
    if (decided.some((entry, index) => index < this.#decided.length && this.#decided[index] !== entry))
      this.#fault = 'a decided entry has changed';
    if (decided.length > this.#decided.length) this.#decided = decided;
    const view = this.#core.leadership();
    if (view.role === 'leader') this.#led.add(`${formatBallot(view.ballot)} in life ${this.#incarnation}`);
  }
}

/** The node `pid` after these inputs, rebuilt from the start. */
export function replay(pid: NodeId, inputs: readonly Input[]): Observation {
  const life = new Life(pid);
  for (const input of inputs) life.apply(input);
  return life.observe();
}
