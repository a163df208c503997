import { expectThat } from '../driver-conformance/conformance-bench.js';
import type { HostCaseBodies } from './host-bench.js';

/** The end of the apply path. */
export const failureCases: HostCaseBodies = {
  'apply failure: there is none while commands are folded': async ({ life }) => {
    await life.untilLeads();
    await life.drained();
    expectThat(life.host.applyFailure() === undefined, 'the host tells a failure, and folds');
  },

  'apply failure: a command cannot be folded, it is told and a change with it': async (bench) => {
    const { life } = bench;
    const { epoch } = await life.untilLeads();
    await life.drained();
    const before = life.changes.length;
    bench.breakApply();
    life.propose(life.advance(900, epoch));
    await life.until('the apply failure is told', () => life.host.applyFailure() !== undefined);
    await life.until('a change is told', () => life.changes.length > before);
    const { role } = life.host.leadership();
    const failure = life.host.applyFailure();
    expectThat(role !== 'leader', 'the apply path has ended, the host says that it leads');
    expectThat(failure !== undefined, 'the apply path has ended, the host takes its failure back');
  },

  'apply failure: from then on, the lease is void and proposals are refused for good': async (bench) => {
    const { life } = bench;
    const { epoch, lease } = await life.untilLeads();
    bench.breakApply();
    life.propose(life.advance(900, epoch));
    await life.until('the apply failure is told', () => life.host.applyFailure() !== undefined);
    expectThat(!lease.isValid(), 'the apply path has ended, the lease is valid');
    const result = life.tryPropose(life.barrier(epoch));
    const told = result.ok ? 'ok' : result.reason;
    expectThat(told === 'permanent', `a proposal was answered with ${told} instead of permanent`);
  },
};
