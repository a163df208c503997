import { describe, expect, test } from 'vitest';
import { type Epoch, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import type { HostIdentity, ProposeResult } from '../../src/driver/index.js';
import type { HighWaterCommand } from '../../src/high-water/index.js';
import { hostConformance } from '../../src/testing/host-conformance.js';
import { MODEL_CAPABILITIES, type ModelDisk, ModelHost, modelHarness, OWN_DIRECTORY } from './model-host.js';

describe('model host: conformance', () => {
  const cases = hostConformance({ create: () => modelHarness(), capabilities: MODEL_CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});

/** Takes proposals on a host that does not lead, and has the leader decide them. */
class ForwardingHost extends ModelHost {
  protected override leadsAt(epoch: Epoch): boolean {
    return this.state.role === 'follower' || super.leadsAt(epoch);
  }
}

/** Says that it does not lead, and has the leader decide the proposal all the same. */
class SecretlyForwardingHost extends ModelHost {
  override propose(command: HighWaterCommand): ProposeResult {
    const result = super.propose(command);
    if (this.state.role === 'follower') this.append(command);
    return result;
  }
}

/** Leads, and appends whatever it is given. */
class EpochBlindHost extends ModelHost {
  protected override leadsAt(): boolean {
    return this.state.role === 'leader';
  }
}

/** Appends first, checks the epoch then. */
class LateCheckingHost extends ModelHost {
  override propose(command: HighWaterCommand): ProposeResult {
    if (this.leadsAt(command.epoch)) return super.propose(command);
    if (this.state.role === 'leader') this.append(command);
    return { ok: false, reason: 'not_leader' };
  }
}

/** Throws where it should answer. */
class ThrowingHost extends ModelHost {
  override propose(command: HighWaterCommand): ProposeResult {
    const result = super.propose(command);
    if (result.ok) return result;
    throw new Error(result.reason);
  }
}

/** Tells a change for each proposal, in the middle of it. */
class ChattyHost extends ModelHost {
  override propose(command: HighWaterCommand): ProposeResult {
    this.tellChange();
    return super.propose(command);
  }
}

/** Delivers at least once. */
class DoubleFoldingHost extends ModelHost {
  protected override fold(command: HighWaterCommand): void {
    super.fold(command);
    super.fold(command);
  }
}

/** Folds in pairs, the later one first. */
class ReorderingHost extends ModelHost {
  #held: HighWaterCommand | undefined;

  protected override fold(command: HighWaterCommand): void {
    if (command.kind === 'barrier') {
      if (this.#held !== undefined) super.fold(this.#held);
      this.#held = undefined;
      super.fold(command);
    } else if (this.#held === undefined) this.#held = command;
    else {
      super.fold(command);
      super.fold(this.#held);
      this.#held = undefined;
    }
  }
}

/** Changes its leadership without a word. */
class SilentHost extends ModelHost {
  protected override tellChange(): void {
    if (this.failure !== undefined) super.tellChange();
  }
}

/** Tells each change before it has happened. */
class EarlyTellingHost extends SilentHost {
  protected override lead(epoch: Epoch): void {
    this.events.emit('change');
    super.lead(epoch);
  }

  protected override follow(epoch: Epoch): void {
    this.events.emit('change');
    super.follow(epoch);
  }
}

/** Folds what the later leader wrote, and gives up its leadership then. */
class LateGivingUpHost extends ModelHost {
  override lose(): void {
    const epoch = this.disk.nextEpoch();
    this.writeForeign(epoch);
    this.follow(epoch);
  }
}

/** Leads by a lease that nothing ends. */
class EternalLeaseHost extends ModelHost {
  override leadership(): LeaderState {
    const state = super.leadership();
    return state.role === 'leader' ? { ...state, lease: { isValid: () => true } } : state;
  }
}

/** Reports the epoch of its first leadership whenever it leads. */
class StandingEpochHost extends ModelHost {
  #first: Epoch | undefined;

  protected override lead(epoch: Epoch): void {
    this.#first ??= epoch;
    super.lead(this.#first);
  }
}

/** Reports the epoch that it leads at as of the next election. */
class OtherBallotHost extends ModelHost {
  override leadership(): LeaderState {
    const state = super.leadership();
    return state.role === 'leader' ? { ...state, epoch: toEpoch(state.epoch + 1n) } : state;
  }
}

/** Uses its ids again in each life. */
class SameLifeHost extends ModelHost {
  override readonly identity: HostIdentity = { nodeId: 1, directoryId: OWN_DIRECTORY, incarnation: 1 };
}

/** Comes back with an empty state. */
class ForgetfulHost extends ModelHost {
  override open(): void {
    this.disk.commands.length = 0;
    super.open();
  }
}

/** Folds no more, and keeps that to itself. */
class FailureHidingHost extends ModelHost {
  override applyFailure(): Error | undefined {
    return undefined;
  }
}

/** Tells that its apply path has ended, and goes on to lead. */
class LeadingOnHost extends ModelHost {
  override leadership(): LeaderState {
    return this.state;
  }
}

describe('host conformance: broken hosts, each fails for its own reason', () => {
  /** What each case that a host fails says of it. */
  async function failures(make: (disk: ModelDisk) => ModelHost): Promise<ReadonlyMap<string, string>> {
    const failed = new Map<string, string>();
    const cases = hostConformance({ create: () => modelHarness(make), capabilities: MODEL_CAPABILITIES });
    for (const { name, run } of cases) {
      await run().catch((error: unknown) => {
        // A broken host that cannot even run would prove nothing.
        if (error instanceof TypeError || error instanceof RangeError) throw error;
        failed.set(name, error instanceof Error ? error.message : String(error));
      });
    }
    return failed;
  }

  // The first case that fails, and all that it says.
  test.each<[string, new (disk: ModelDisk) => ModelHost, string, string]>([
    [
      'forwards proposals',
      ForwardingHost,
      'propose: does not lead, refuses and passes nothing on to the leader',
      'a proposal on a host that does not lead was answered with ok instead of not_leader',
    ],
    [
      'forwards what it refuses',
      SecretlyForwardingHost,
      'propose: does not lead, refuses and passes nothing on to the leader',
      'a proposal on a host that does not lead was refused, but folded',
    ],
    [
      'does not look at the epoch',
      EpochBlindHost,
      'propose: epoch below the leading one, is refused and never folded',
      'a proposal at a lower epoch was answered with ok instead of not_leader',
    ],
    [
      'appends before it looks at the epoch',
      LateCheckingHost,
      'propose: epoch below the leading one, is refused and never folded',
      'a proposal at a lower epoch was refused, but folded',
    ],
    [
      'throws out of propose',
      ThrowingHost,
      'propose: epoch below the leading one, is refused and never folded',
      'the host has thrown out of propose',
    ],
    [
      'tells a change from within propose',
      ChattyHost,
      'propose: tells no change from within',
      'a change was told in the middle of propose',
    ],
    [
      'folds twice',
      DoubleFoldingHost,
      'propose: leads at the epoch, takes the command and folds it once, as it was',
      'it was folded 2 times',
    ],
    [
      'folds out of order',
      ReorderingHost,
      'propose: many in one turn, each is folded once and in their order',
      'the commands 1 2 3 4 5 6 7 8 9 10 were folded as 2 1 4 3 6 5 8 7 10 9',
    ],
    [
      'never tells a change',
      SilentHost,
      'change: is told after the leadership has changed, each time',
      'it never came that a change is told',
    ],
    [
      'tells changes too early',
      EarlyTellingHost,
      'change: is told after the leadership has changed, each time',
      'the leadership is that of another node at epoch 2; at the last change it was that of this node at epoch 1',
    ],
    [
      'gives up its leadership too late',
      LateGivingUpHost,
      'leadership: is given up before a command of a later leader is folded',
      'a command of epoch 2 is folded, the host claims to lead below it',
    ],
    [
      'has a lease without an end',
      EternalLeaseHost,
      'leadership: is lost, the host says so and its lease is void',
      'the lease is valid, though the leadership is lost',
    ],
    [
      'leads at the same epoch again',
      StandingEpochHost,
      'leadership: is regained, at an epoch above every one before; the old lease stays void',
      'epoch 1 follows on epoch 1',
    ],
    [
      'reports the epoch of another ballot',
      OtherBallotHost,
      'identity: is well-formed, and the same whenever it is asked',
      'the host leads at the epoch of a barrier, and says not_leader',
    ],
    [
      'uses its incarnation again',
      SameLifeHost,
      'reopened: it is the same node on the same directory, in a later life',
      'incarnation 1 follows on incarnation 1',
    ],
    [
      'forgets its state',
      ForgetfulHost,
      'reopened: the high-water, the epoch and the ledger are what was folded',
      'it never came that the ledger knows the last proposal of the life before',
    ],
    [
      'hides that its apply path has ended',
      FailureHidingHost,
      'apply failure: a command cannot be folded, it is told and a change with it',
      'it never came that the apply failure is told',
    ],
    [
      'leads on though its apply path has ended',
      LeadingOnHost,
      'apply failure: a command cannot be folded, it is told and a change with it',
      'the apply path has ended, the host says that it leads',
    ],
  ])('%s', async (_, Host, name, reason) => {
    const [first] = await failures((disk) => new Host(disk));
    expect(first).toEqual([name, reason]);
  });
});
