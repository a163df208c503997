import {
  type AcceptDecide,
  type Ballot,
  ballotsEqual,
  compareBallots,
  type Decide,
  formatBallot,
  type NodeId,
  OmniPaxos,
  type StableState,
} from '../../../src/omnipaxos/index.js';
import { type TestBatch, TestDisk, type TestMessage } from '../core-cluster.js';

/** What can happen to one node. */
export type Input =
  | { readonly kind: 'takeOver' }
  | { readonly kind: 'append'; readonly entry: string }
  /** The leader proposes the stop sign; the same nodes go on. */
  | { readonly kind: 'reconfigure' }
  | { readonly kind: 'deliver'; readonly message: TestMessage }
  | { readonly kind: 'reconnected'; readonly peer: NodeId }
  /** The oldest batch becomes durable; on a slow disk only. */
  | { readonly kind: 'persist' }
  /** Everything not synced is lost, and the node starts again. */
  | { readonly kind: 'crash' };

/** What a node has accepted durably in one round. */
export interface Vote {
  readonly round: Ballot;
  readonly entries: readonly string[];
}

/** What can be seen of a node after its inputs. */
export interface Observation {
  /** What the last input has sent. */
  readonly sent: readonly TestMessage[];
  /** Whether the last input has caused anything to be written, told or sent. */
  readonly stirred: boolean;
  readonly held: number;
  /** The status as text: equal ones are alike in all that a status tells. */
  readonly status: string;
  readonly promise: Ballot;
  /** The synced disk: accepted entries from index 0. */
  readonly disk: readonly string[];
  /** The log with all writes carried out, synced or not. */
  readonly log: readonly string[];
  /** The most that any life of this node has decided. */
  readonly decided: readonly string[];
  /** One for each round in which this node has ever accepted. */
  readonly votes: readonly Vote[];
  /** The ballot that it leads, in phase accept. */
  readonly ballot: Ballot | undefined;
  /** All that was led: ballot and life. */
  readonly led: readonly string[];
  readonly fault: string | undefined;
}

export const NODES: readonly NodeId[] = [1, 2, 3];
const CONFIG = { configId: 1, nodes: NODES, leaseMs: 0, maxClockDrift: 0.01 };
const STOP_SIGN = 'stop sign';

export const isPrefix = (short: readonly string[], long: readonly string[]): boolean =>
  short.every((entry, index) => long[index] === entry);

/** One node with its disk, driven by inputs only: the same inputs always make the same node. */
class Life {
  readonly #pid: NodeId;
  readonly #slowDisk: boolean;
  readonly #disk = new TestDisk(CONFIG);
  #core: OmniPaxos<string, string>;
  #incarnation = 1;
  #held: TestBatch[] = [];
  #sent: TestMessage[] = [];
  #stirred = false;
  #decided: string[] = [];
  #decidedIdx = 0;
  #promise: Ballot;
  /** The highest promise that a message has told. */
  #toldPromise: Ballot | undefined;
  /** The token of the last Promise made in this life. */
  #token = '';
  /** The place in the session that this life is in: session and counter. */
  #session: { readonly session: number; readonly counter: number } | undefined;
  readonly #votes = new Map<string, Vote>();
  readonly #led = new Set<string>();
  #fault: string | undefined;

  constructor(pid: NodeId, slowDisk: boolean) {
    this.#pid = pid;
    this.#slowDisk = slowDisk;
    this.#core = this.#start();
    this.#promise = this.#core.status().promise;
    this.#collect(undefined);
  }

  apply(input: Input): void {
    this.#sent = [];
    this.#stirred = false;
    switch (input.kind) {
      case 'takeOver':
        this.#core.tryBecomeLeader();
        break;
      case 'append':
        this.#core.append(input.entry, { forward: false });
        break;
      case 'reconfigure':
        this.#core.reconfigure({ ...CONFIG, configId: 2 });
        break;
      case 'deliver':
        this.#core.handleIncoming(structuredClone(input.message));
        break;
      case 'reconnected':
        this.#core.reconnected(input.peer);
        break;
      case 'persist':
        this.#persist();
        break;
      case 'crash':
        this.#crash();
        break;
    }
    this.#collect(input.kind === 'deliver' ? input.message : undefined);
  }

  observe(): Observation {
    const disk = this.#disk.crash();
    const unsynced = new TestDisk(CONFIG);
    unsynced.replace(disk);
    for (const batch of this.#held) unsynced.write(batch.writes);
    unsynced.sync();
    const all = unsynced.crash();
    const log = entriesOf(all);
    const stopSign = log.indexOf(STOP_SIGN);
    if (all.config.configId === CONFIG.configId && stopSign !== -1 && stopSign !== log.length - 1)
      this.#fault ??= 'a record follows the stop sign in its configuration';
    const status = this.#core.status();
    const view = status.leadership;
    return {
      sent: this.#sent,
      stirred: this.#stirred,
      held: this.#held.length,
      status: JSON.stringify({ ...status, config: status.config.configId }),
      promise: status.promise,
      disk: entriesOf(disk),
      log,
      decided: this.#decided,
      votes: [...this.#votes.values()],
      ballot: view.role === 'leader' ? view.ballot : undefined,
      led: [...this.#led],
      fault: this.#fault,
    };
  }

  #start(): OmniPaxos<string, string> {
    return new OmniPaxos({ pid: this.#pid, incarnation: this.#incarnation }, this.#disk.crash());
  }

  #crash(): void {
    this.#incarnation += 1;
    this.#held = [];
    this.#token = '';
    this.#session = undefined;
    this.#core = this.#start();
    this.#decidedIdx = this.#core.decidedIdx;
    this.#promise = this.#core.status().promise;
    if (this.#toldPromise !== undefined && compareBallots(this.#promise, this.#toldPromise) < 0)
      this.#fault ??= 'a promise that was told is forgotten';
    for (const pid of NODES) if (pid !== this.#pid) this.#core.reconnected(pid);
  }

  #persist(): void {
    const batch = this.#held.shift();
    if (batch === undefined) return;
    this.#stirred = true;
    this.#disk.write(batch.writes);
    this.#disk.sync();
    this.#vote();
    this.#core.persisted(batch.writeToken);
    this.#send(batch.messagesAfterWrites);
  }

  /** Notes what is accepted durably; in one round that only grows. */
  #vote(): void {
    const disk = this.#disk.crash();
    const round = formatBallot(disk.acceptedRound);
    const entries = entriesOf(disk);
    const before = this.#votes.get(round)?.entries ?? [];
    if (!isPrefix(before, entries)) this.#fault ??= 'a record accepted in a round was cut in the same round';
    else if (entries.length > 0) this.#votes.set(round, { round: disk.acceptedRound, entries });
  }

  /** Heartbeats are left out: who takes over is an input of its own. So is NotAccepted, which only keeps a leader from sending more. */
  #send(messages: readonly TestMessage[]): void {
    for (const message of messages) {
      const { kind } = message.body;
      if (kind === 'heartbeatRequest' || kind === 'heartbeatReply' || kind === 'notAccepted') continue;
      this.#checkClaim(message);
      this.#sent.push(message);
    }
  }

  /** What a message claims of the disk must be there when it leaves. */
  #checkClaim({ body }: TestMessage): void {
    if (body.kind !== 'prepare' && body.kind !== 'promise' && body.kind !== 'accepted') return;
    const { acceptedRound, promise, records } = this.#disk.crash();
    if (compareBallots(promise, body.n) < 0)
      this.#fault ??= `a ${body.kind} leaves before its promise is durable`;
    if (this.#toldPromise === undefined || compareBallots(body.n, this.#toldPromise) > 0)
      this.#toldPromise = body.n;
    if (body.kind !== 'accepted') return;
    const order = compareBallots(acceptedRound, body.n);
    if (order < 0 || (order === 0 && records.length < body.acceptedIdx))
      this.#fault ??= 'an Accepted leaves before its records are durable';
  }

  #collect(delivered: TestMessage | undefined): void {
    for (let batch = this.#core.takeOutput(); batch !== undefined; batch = this.#core.takeOutput()) {
      this.#stirred = true;
      const copy = structuredClone(batch);
      this.#checkSession(copy, delivered);
      this.#send(copy.messages);
      this.#held.push(copy);
      for (const fact of copy.facts) if (fact.kind === 'violation') this.#fault ??= fact.detail;
      // A batch that writes nothing has nothing to wait for, unless earlier ones do.
      if (!this.#slowDisk || (copy.writes.length === 0 && this.#held.length === 1)) this.#persist();
    }
    const body = delivered?.body;
    if ((body?.kind === 'acceptDecide' || body?.kind === 'decide') && this.#isNext(body))
      this.#session = body.seqNum;
    this.#checkIndexes();
    const view = this.#core.leadership();
    if (view.role === 'leader') this.#led.add(`${formatBallot(view.ballot)} in life ${this.#incarnation}`);
  }

  /** Records come by the AcceptSync that answers the last Promise, or by what is next in the session that it began. */
  #checkSession(batch: TestBatch, delivered: TestMessage | undefined): void {
    const body = delivered?.body;
    if (body?.kind === 'acceptSync' && batch.writes.some(({ kind }) => kind === 'sync')) {
      if (JSON.stringify(body.syncToken) !== this.#token)
        this.#fault ??= 'an AcceptSync was taken that does not answer the last Promise';
      this.#token = '';
      this.#session = body.seqNum;
    }
    if ((body?.kind === 'acceptDecide' || body?.kind === 'decide') && !this.#isNext(body)) {
      if (batch.writes.length > 0) this.#fault ??= `the ${body.kind} taken is not the next of its session`;
    }
    for (const { body: made } of batch.messagesAfterWrites)
      if (made.kind === 'promise') this.#token = JSON.stringify(made.syncToken);
  }

  #isNext({ n, seqNum }: AcceptDecide<string> | Decide): boolean {
    const at = this.#session;
    return (
      ballotsEqual(n, this.#promise) && at?.session === seqNum.session && at.counter + 1 === seqNum.counter
    );
  }

  #checkIndexes(): void {
    if (this.#core.decidedIdx < this.#decidedIdx) this.#fault ??= 'decidedIdx has fallen within a life';
    this.#decidedIdx = this.#core.decidedIdx;
    const { phase, promise } = this.#core.status();
    if (phase !== 'accept') this.#session = undefined;
    if (compareBallots(promise, this.#promise) < 0) this.#fault ??= 'the promise has fallen within a life';
    this.#promise = promise;
    const decided = this.#core.read(0).map((item) => (item.kind === 'entry' ? item.entry : STOP_SIGN));
    if (decided.some((entry, index) => index < this.#decided.length && this.#decided[index] !== entry))
      this.#fault ??= 'a decided entry has changed';
    if (decided.length > this.#decided.length) this.#decided = decided;
  }
}

function entriesOf({ records }: StableState<string, string>): string[] {
  return records.map((record) => (record.kind === 'entry' ? record.entry : STOP_SIGN));
}

/** The node `pid` after these inputs, rebuilt from the start. A method that throws is a fault. */
export function replay(pid: NodeId, slowDisk: boolean, inputs: readonly Input[]): Observation {
  const life = new Life(pid, slowDisk);
  for (const [index, input] of inputs.entries()) {
    try {
      life.apply(input);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        ...replay(pid, slowDisk, inputs.slice(0, index)),
        sent: [],
        fault: `the core threw: ${message}`,
      };
    }
  }
  return life.observe();
}
