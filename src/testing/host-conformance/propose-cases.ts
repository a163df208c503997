import { isDeepStrictEqual } from 'node:util';
import { toEpoch } from '../../consensus/index.js';
import { expectThat } from '../driver-conformance/conformance-bench.js';
import type { HostCaseBodies } from './host-bench.js';

/** Proposals under one leadership. */
export const proposeCases: HostCaseBodies = {
  'propose: leads at the epoch, takes the command and folds it once, as it was': async ({ life }) => {
    const command = life.advance(100, (await life.untilLeads()).epoch);
    life.propose(command);
    await life.drained();
    expectThat(life.timesFolded(command) === 1, `it was folded ${life.timesFolded(command)} times`);
    const folded = life.folded.find(({ command: { id } }) => id.seq === command.id.seq)?.command;
    expectThat(isDeepStrictEqual(folded, command), 'it was folded with other contents');
  },

  'propose: many in one turn, each is folded once and in their order': async ({ life }) => {
    const { epoch } = await life.untilLeads();
    const commands = Array.from({ length: 10 }, (_, i) => life.advance(100 + i, epoch));
    for (const command of commands) life.propose(command);
    await life.drained();
    const proposed = commands.map(({ id }) => id.seq);
    const folded = life.folded
      .filter(({ command }) => commands.some(({ id }) => isDeepStrictEqual(id, command.id)))
      .map(({ command }) => command.id.seq);
    expectThat(
      isDeepStrictEqual(folded, proposed),
      `the commands ${proposed.join(' ')} were folded as ${folded.join(' ')}`,
    );
  },

  'propose: advances and a barrier, the apply state is what they say': async ({ life }) => {
    const { epoch } = await life.untilLeads();
    const { applyState } = life.host;
    const base = applyState.highWater;
    life.propose(life.advance(base + 100, epoch));
    life.propose(life.advance(base + 50, epoch));
    await life.drained();
    expectThat(
      applyState.highWater === base + 100,
      `the high-water is ${applyState.highWater}, after it was ${base} and an advance to ${base + 100}`,
    );
    expectThat(applyState.epoch === epoch, `epoch ${epoch} was folded, the state says ${applyState.epoch}`);
  },

  'propose: epoch below the leading one, is refused and never folded': async ({ life }) => {
    const { epoch } = await life.untilLeads();
    const command = life.advance(900, toEpoch(epoch - 1n));
    life.expectNotLeader(command, 'a proposal at a lower epoch');
    await life.drained();
    expectThat(life.timesFolded(command) === 0, 'a proposal at a lower epoch was refused, but folded');
  },

  'propose: epoch above the leading one, is refused and never folded': async ({ life }) => {
    const { epoch } = await life.untilLeads();
    const command = life.advance(900, toEpoch(epoch + 1n));
    life.expectNotLeader(command, 'a proposal at a higher epoch');
    await life.drained();
    expectThat(life.timesFolded(command) === 0, 'a proposal at a higher epoch was refused, but folded');
  },

  'propose: tells no change from within': async ({ life }) => {
    const { epoch } = await life.untilLeads();
    const before = life.changes.length;
    life.propose(life.advance(100, epoch));
    life.expectNotLeader(life.advance(100, toEpoch(epoch + 1n)), 'a proposal at a higher epoch');
    expectThat(life.changes.length === before, 'a change was told in the middle of propose');
  },
};

/** Proposals over changes of leadership. */
export const proposeOverChangesCases: HostCaseBodies = {
  'propose: does not lead, refuses and passes nothing on to the leader': async ({ life, leadership }) => {
    const { epoch } = await life.untilLeads();
    await leadership.lose();
    const state = life.host.leadership();
    const epochs = state.role === 'follower' ? [epoch, state.leader.epoch] : [epoch];
    const commands = epochs.map((at) => life.advance(900, at));
    for (const command of commands) life.expectNotLeader(command, 'a proposal on a host that does not lead');
    await leadership.regain();
    await life.drained();
    const passedOn = commands.some((command) => life.timesFolded(command) > 0);
    expectThat(!passedOn, 'a proposal on a host that does not lead was refused, but folded');
  },

  'propose: epoch of an earlier leadership, is refused and never folded': async ({ life, leadership }) => {
    const { epoch } = await life.untilLeads();
    await leadership.lose();
    await leadership.regain();
    const command = life.advance(900, epoch);
    life.expectNotLeader(command, 'a proposal at the epoch of an earlier leadership');
    await life.drained();
    expectThat(life.timesFolded(command) === 0, 'a proposal at an earlier epoch was refused, but folded');
  },

  'fold: over a change of leaders, nothing is folded twice': async ({ life, leadership }) => {
    const { epoch } = await life.untilLeads();
    const commands = Array.from({ length: 5 }, (_, i) => life.advance(100 + i, epoch));
    for (const command of commands) life.propose(command);
    await life.drained();
    await leadership.lose();
    await leadership.regain();
    await life.drained();
    for (const command of commands) {
      const times = life.timesFolded(command);
      expectThat(times === 1, `a command of the leadership before was folded ${times} times`);
    }
  },
};
