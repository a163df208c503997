import type { LeaderState } from '../../consensus/index.js';
import { broken, expectThat } from '../driver-conformance/conformance-bench.js';
import type { HostCaseBodies, HostLife } from './host-bench.js';

/** Who the host is, and what it says of its leadership. */
export const leadershipCases: HostCaseBodies = {
  'identity: is well-formed, and the same whenever it is asked': async ({ life }) => {
    const { nodeId, directoryId, incarnation } = life.host.identity;
    expectThat(Number.isSafeInteger(nodeId) && nodeId >= 1, `nodeId is ${nodeId}`);
    expectThat(/^[0-9a-f]{16}$/.test(directoryId), `directoryId is '${directoryId}'`);
    expectThat(Number.isSafeInteger(incarnation) && incarnation >= 1, `incarnation is ${incarnation}`);
    await life.untilLeads();
    await life.drained();
    const later = life.host.identity;
    const same =
      later.nodeId === nodeId && later.directoryId === directoryId && later.incarnation === incarnation;
    expectThat(same, 'the identity has changed within one life');
  },

  'leadership: asked twice in one turn, tells the same; the lease is valid': async ({ life }) => {
    const first = await life.untilLeads();
    const second = life.leading();
    expectThat(first.epoch === second.epoch, `epoch ${first.epoch}, then ${second.epoch}, in one turn`);
    await life.drained();
    expectThat(life.leading().lease.isValid(), 'the host leads and its world is at rest, its lease is void');
  },

  'leadership: is that of the epoch at which own commands are folded': async ({ life }) => {
    await life.untilLeads();
    await life.drained();
    const own = life.folded.at(-1);
    if (own?.leadership.role !== 'leader' || own.leadership.epoch !== own.command.epoch) {
      throw broken('an own command is folded, the host says in that turn that it does not lead at its epoch');
    }
  },
};

/** The leadership over its changes. */
export const leadershipOverChangesCases: HostCaseBodies = {
  'leadership: is lost, the host says so and its lease is void': async ({ life, leadership }) => {
    const { lease } = await life.untilLeads();
    await leadership.lose();
    const { role } = life.host.leadership();
    expectThat(role !== 'leader', 'another node leads, the host says that it leads');
    expectThat(!lease.isValid(), 'the lease is valid, though the leadership is lost');
  },

  'leadership: is given up before a command of a later leader is folded': async ({ life, leadership }) => {
    const { epoch } = await life.untilLeads();
    await leadership.lose();
    const later = life.folded.filter(({ command }) => command.epoch > epoch);
    expectThat(later.length > 0, 'no command of the later leader was folded: the harness must see to that');
    for (const { command, leadership: state } of later) {
      const claims = state.role === 'leader' && state.epoch < command.epoch;
      expectThat(!claims, `a command of epoch ${command.epoch} is folded, the host claims to lead below it`);
    }
  },

  'leadership: is regained, at an epoch above every one before; the old lease stays void': async ({
    life,
    leadership,
  }) => {
    const first = await life.untilLeads();
    await leadership.lose();
    await leadership.regain();
    const second = life.leading();
    await life.drained();
    expectThat(second.epoch > first.epoch, `epoch ${second.epoch} follows on epoch ${first.epoch}`);
    const others = life.folded.filter(
      ({ command }) => command.id.directoryId !== life.host.identity.directoryId,
    );
    expectThat(
      others.every(({ command }) => command.epoch < second.epoch),
      `the host leads at ${second.epoch}, which another leader has used or passed`,
    );
    expectThat(second.lease.isValid(), 'the lease of the new leadership is void');
    expectThat(!first.lease.isValid(), 'the lease of the old leadership is valid again');
  },

  'change: is told after the leadership has changed, each time': async ({ life, leadership }) => {
    await life.untilLeads();
    for (const change of [leadership.lose, leadership.regain]) {
      const before = life.changes.length;
      await change();
      await life.until('a change is told', () => life.changes.length > before);
      expectLastTold(life);
    }
  },
};

/** What the host said when it last told a change must be what it says now: else it has changed without telling. */
function expectLastTold(life: HostLife): void {
  const told = life.changes.at(-1);
  const now = life.host.leadership();
  if (told !== undefined && describe(told) === describe(now)) return;
  throw broken(
    `the leadership is ${describe(now)}; at the last change it was ${told === undefined ? 'not told' : describe(told)}`,
  );
}

function describe(state: LeaderState): string {
  switch (state.role) {
    case 'leader':
      return `that of this node at epoch ${state.epoch}`;
    case 'follower':
      return `that of another node at epoch ${state.leader.epoch}`;
    case 'unknown':
      return 'unknown';
  }
}
