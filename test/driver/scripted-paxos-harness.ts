import type { ConsensusDriver } from '../../src/consensus/index.js';
import { PaxosDriver } from '../../src/driver/index.js';
import type { DriverCapabilities, DriverHarness } from '../../src/testing/driver-conformance.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { ScriptedHost } from './scripted-host.js';

export const SCRIPTED_PAXOS_CAPABILITIES: DriverCapabilities = {
  leadership: true,
  stall: true,
  reopen: true,
};

/** A Paxos driver over a host that folds what it is given in a later turn, unless it is stalled. */
export function scriptedPaxosHarness(
  wrap: (driver: ConsensusDriver) => ConsensusDriver = (driver) => driver,
): DriverHarness {
  const clock = new VirtualClock();
  let epoch = 1n;
  let host = new ScriptedHost(1);
  let stalled = false;
  host.lead(epoch);
  const foldAll = (): void => {
    while (!stalled && host.log.length > 0) host.foldNext();
  };
  const foldSoon = (): void => {
    const propose = host.propose.bind(host);
    host.propose = (command) => {
      queueMicrotask(foldAll);
      return propose(command);
    };
  };
  foldSoon();
  let driver = wrap(new PaxosDriver({ host, clock }));
  return {
    driver,
    leadership: {
      lose: async () => {
        epoch += 1n;
        host.follow(epoch);
      },
      regain: async () => {
        epoch += 1n;
        host.lead(epoch);
      },
    },
    stall: {
      begin: () => {
        stalled = true;
      },
      end: () => {
        stalled = false;
        foldAll();
      },
      passTime: (ms) => clock.advanceAsync(ms),
    },
    reopen: async () => {
      await driver.close();
      host = new ScriptedHost(host.identity.incarnation + 1, host.applyState.snapshot());
      foldSoon();
      epoch += 1n;
      host.startLeading(epoch);
      driver = wrap(new PaxosDriver({ host, clock }));
      return driver;
    },
    dispose: () => driver.close(),
  };
}
