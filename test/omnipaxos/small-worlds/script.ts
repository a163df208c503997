import type { MessageKind, NodeId } from '../../../src/omnipaxos/index.js';
import { type Letter, nodeOf, type World, type WorldMaker } from './world.js';

/** Leads one world, step by step, to where an exploration begins. A step that cannot be taken is an error. */
export class Script {
  readonly #maker: WorldMaker;
  world: World;

  constructor(maker: WorldMaker) {
    this.#maker = maker;
    this.world = maker.begin();
  }

  takeOver(pid: NodeId): void {
    this.world = this.#maker.apply(this.world, pid, { kind: 'takeOver' }, 'script');
  }

  append(pid: NodeId, entry: string): void {
    if (nodeOf(this.world, pid).seen.ballot === undefined) throw new Error(`${pid} does not lead`);
    this.world = this.#maker.apply(this.world, pid, { kind: 'append', entry }, 'script');
  }

  stopSign(pid: NodeId): void {
    if (nodeOf(this.world, pid).seen.ballot === undefined) throw new Error(`${pid} does not lead`);
    this.world = this.#maker.apply(this.world, pid, { kind: 'reconfigure' }, 'script');
  }

  reconnected(pid: NodeId, peer: NodeId): void {
    this.world = this.#maker.apply(this.world, pid, { kind: 'reconnected', peer }, 'script');
  }

  crash(pid: NodeId): void {
    this.world = this.#maker.apply(this.world, pid, { kind: 'crash' }, 'script');
  }

  persist(pid: NodeId): void {
    if (nodeOf(this.world, pid).seen.held === 0) throw new Error(`${pid} has nothing to write`);
    this.world = this.#maker.apply(this.world, pid, { kind: 'persist' }, 'script');
  }

  persistAll(pid: NodeId): void {
    while (nodeOf(this.world, pid).seen.held > 0) this.persist(pid);
  }

  /** Delivers the first message of this kind on the link; with `keepCopy`, a copy can come again at any time. */
  deliver(from: NodeId, to: NodeId, kind: MessageKind, keepCopy = false): void {
    const letter = this.#first(from, to, kind);
    const change = this.#without(letter);
    const stray = keepCopy ? [...change.stray, letter] : change.stray;
    this.world = this.#maker.apply(this.world, to, letter.input, 'script', { ...change, stray });
  }

  /** Loses the first message of this kind on the link. */
  lose(from: NodeId, to: NodeId, kind: MessageKind): void {
    this.world = { ...this.world, ...this.#without(this.#first(from, to, kind)) };
  }

  /** Delivers everything, where links keep no order. */
  settleStray(): void {
    for (;;) {
      const busy = this.world.nodes.find(({ seen }) => seen.held > 0);
      const [letter, ...stray] = this.world.stray;
      if (busy !== undefined) this.persist(busy.pid);
      else if (letter === undefined) return;
      else this.world = this.#maker.apply(this.world, letter.message.to, letter.input, 'script', { stray });
    }
  }

  /** Delivers all that is or comes under way among these nodes, and makes their writes durable. Copies that were kept stay. */
  settle(among: readonly NodeId[]): void {
    for (;;) {
      const busy = among.find((pid) => nodeOf(this.world, pid).seen.held > 0);
      if (busy !== undefined) {
        this.persist(busy);
        continue;
      }
      const letter = this.#waiting().find(
        ({ message: { from, to } }) => among.includes(from) && among.includes(to),
      );
      if (letter === undefined) return;
      this.deliver(letter.message.from, letter.message.to, letter.message.body.kind);
    }
  }

  /** Loses all that is under way to or from these nodes. */
  cutOff(...pids: readonly NodeId[]): void {
    for (const letter of this.#waiting()) {
      const { from, to } = letter.message;
      if (pids.includes(from) || pids.includes(to)) this.world = { ...this.world, ...this.#without(letter) };
    }
  }

  /** Node 3 leads all, and `first` is decided everywhere. */
  begin(): void {
    this.takeOver(3);
    this.settle([1, 2, 3]);
    this.append(3, 'first');
    this.settle([1, 2, 3]);
  }

  #waiting(): Letter[] {
    return [...this.world.links.values()].flat();
  }

  #first(from: NodeId, to: NodeId, kind: MessageKind): Letter {
    const letter = this.world.links.get(`${from}>${to}`)?.find(({ message }) => message.body.kind === kind);
    if (letter === undefined) throw new Error(`no ${kind} is under way from ${from} to ${to}`);
    return letter;
  }

  #without(letter: Letter): Pick<World, 'links' | 'stray'> {
    const { from, to } = letter.message;
    const link = `${from}>${to}`;
    const waiting = this.world.links.get(link) ?? [];
    const links = new Map(this.world.links).set(link, waiting.toSpliced(waiting.indexOf(letter), 1));
    return { links, stray: this.world.stray };
  }
}
