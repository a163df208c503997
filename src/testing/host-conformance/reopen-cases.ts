import { compareProposals } from '../../high-water/index.js';
import { expectThat } from '../driver-conformance/conformance-bench.js';
import type { HostCaseBodies } from './host-bench.js';

/** What outlives a restart. */
export const reopenCases: HostCaseBodies = {
  'reopened: it is the same node on the same directory, in a later life': async (bench) => {
    const before = bench.life.host.identity;
    await bench.life.untilLeads();
    const { host } = await bench.reopen();
    const { nodeId, directoryId, incarnation } = host.identity;
    expectThat(nodeId === before.nodeId, `node ${before.nodeId} has become node ${nodeId}`);
    expectThat(directoryId === before.directoryId, 'the directory has another id');
    expectThat(
      incarnation > before.incarnation,
      `incarnation ${incarnation} follows on incarnation ${before.incarnation}`,
    );
  },

  'reopened: the high-water, the epoch and the ledger are what was folded': async (bench) => {
    const { life } = bench;
    const { epoch } = await life.untilLeads();
    const base = life.host.applyState.highWater;
    const last = life.advance(base + 100, epoch);
    life.propose(last);
    await life.drained();
    const next = await bench.reopen();
    await next.untilLeads();
    const { applyState, identity } = next.host;
    // Before this life proposes anything, which would be newer still.
    await next.until('the ledger knows the last proposal of the life before', () => {
      const known = applyState.lastFolded(identity.directoryId);
      return known !== undefined && compareProposals(known, last.id) >= 0;
    });
    await next.drained();
    expectThat(
      applyState.highWater === base + 100,
      `the high-water was ${base + 100} and is ${applyState.highWater}`,
    );
    expectThat(applyState.epoch > epoch, `the folded epoch was ${epoch} and is ${applyState.epoch}`);
  },

  'reopened: it leads at a higher epoch, and refuses the epoch of its earlier life': async (bench) => {
    const { epoch } = await bench.life.untilLeads();
    await bench.life.drained();
    const next = await bench.reopen();
    const { epoch: later } = await next.untilLeads();
    expectThat(later > epoch, `epoch ${later} follows on epoch ${epoch} of the life before`);
    next.expectNotLeader(next.advance(900, epoch), 'a proposal at the epoch of the life before');
  },

  'reopened: nothing is folded twice in the new life': async (bench) => {
    const { life } = bench;
    const { epoch } = await life.untilLeads();
    for (let i = 1; i <= 5; i++) life.propose(life.advance(100 + i, epoch));
    await life.drained();
    const next = await bench.reopen();
    await next.untilLeads();
    await next.drained();
    for (const { command } of next.folded) {
      const times = next.timesFolded(command);
      expectThat(times === 1, `a command was folded ${times} times in one life`);
    }
  },
};
