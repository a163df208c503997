import type { Epoch, LeaderState } from '../../consensus/index.js';
import type { PaxosHighWaterHost, ProposeResult } from '../../driver/index.js';
import { TsoracleError } from '../../errors/index.js';
import type { AppliedEvent, HighWaterCommand } from '../../high-water/index.js';
import { broken, expectThat } from '../driver-conformance/conformance-bench.js';
import type { HostHarness, HostLeadershipControls } from './host-harness.js';

/** Cases by name. */
export type HostCaseBodies = Readonly<Record<string, (bench: HostBench) => Promise<void>>>;

export type LeadingState = Extract<LeaderState, { role: 'leader' }>;

/** A command that was folded, and what the host said of its leadership in that very turn. */
export interface FoldedCommand extends AppliedEvent {
  readonly leadership: LeaderState;
}

/** One life of a host, worked as a driver would: it proposes with ids of its own, and sees everything that the host tells. */
export class HostLife {
  readonly host: PaxosHighWaterHost;
  /** In the order in which they were folded. */
  readonly folded: FoldedCommand[] = [];
  /** What the host said of its leadership at each `change`. */
  readonly changes: LeaderState[] = [];
  readonly #until: HostHarness['until'];
  #nextSeq = 1;

  constructor(host: PaxosHighWaterHost, until: HostHarness['until']) {
    this.host = host;
    this.#until = until;
    host.applyState.events.on('applied', (event) => {
      this.folded.push({ ...event, leadership: host.leadership() });
    });
    host.events.on('change', () => void this.changes.push(host.leadership()));
  }

  /** Waits for the condition while the host's world goes on. `what` it is, for the error. */
  async until(what: string, condition: () => boolean): Promise<void> {
    try {
      await this.#until(condition);
    } catch (cause) {
      throw broken(`it never came that ${what}`, cause);
    }
  }

  async untilLeads(): Promise<LeadingState> {
    await this.until('the host leads', () => this.host.leadership().role === 'leader');
    return this.leading();
  }

  /** The leadership in this turn, which must be one. */
  leading(): LeadingState {
    const state = this.host.leadership();
    if (state.role !== 'leader') throw broken(`the host leads no more: its role is ${state.role}`);
    return state;
  }

  advance(atLeast: number, epoch: Epoch): HighWaterCommand {
    return { kind: 'advance', atLeast, epoch, id: this.#takeId() };
  }

  barrier(epoch: Epoch): HighWaterCommand {
    return { kind: 'barrier', epoch, id: this.#takeId() };
  }

  /** Proposes what the host must take. */
  propose(command: HighWaterCommand): void {
    const result = this.tryPropose(command);
    if (!result.ok)
      throw broken(`the host leads at the epoch of a ${command.kind}, and says ${result.reason}`);
  }

  tryPropose(command: HighWaterCommand): ProposeResult {
    try {
      return this.host.propose(command);
    } catch (cause) {
      throw broken('the host has thrown out of propose', cause);
    }
  }

  /** Proposes what the host must refuse, since it does not lead at the command's epoch. */
  expectNotLeader(command: HighWaterCommand, what: string): void {
    const result = this.tryPropose(command);
    const told = result.ok ? 'ok' : result.reason;
    expectThat(told === 'not_leader', `${what} was answered with ${told} instead of not_leader`);
  }

  /** Waits until everything is folded that was proposed before: proposes a barrier, and waits until that is. */
  async drained(): Promise<void> {
    const barrier = this.barrier((await this.untilLeads()).epoch);
    this.propose(barrier);
    await this.until('a barrier is folded', () => this.timesFolded(barrier) > 0);
  }

  /** How often a command has been folded in this life. */
  timesFolded({ id }: HighWaterCommand): number {
    return this.folded.filter(
      ({ command }) =>
        command.id.directoryId === id.directoryId &&
        command.id.incarnation === id.incarnation &&
        command.id.seq === id.seq,
    ).length;
  }

  #takeId(): HighWaterCommand['id'] {
    const { directoryId, incarnation } = this.host.identity;
    return { directoryId, incarnation, seq: this.#nextSeq++ };
  }
}

/** What a case has at hand: one harness, and the life of its host. */
export class HostBench {
  readonly life: HostLife;
  readonly #harness: HostHarness;

  constructor(harness: HostHarness) {
    this.#harness = harness;
    this.life = new HostLife(harness.host, harness.until);
  }

  get leadership(): HostLeadershipControls {
    return required(this.#harness.leadership, 'leadership');
  }

  breakApply(): void {
    required(this.#harness.breakApply, 'breakApply')();
  }

  /** Ends the life of the host, and begins the next one. */
  async reopen(): Promise<HostLife> {
    const host = await required(this.#harness.reopen, 'reopen')();
    return new HostLife(host, this.#harness.until);
  }
}

function required<T>(part: T | undefined, name: string): T {
  if (part === undefined) {
    throw new TsoracleError('invalid_input', `the harness says that it has ${name}, but has none`);
  }
  return part;
}
