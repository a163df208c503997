// The driver over a replicated log that is not of this package. Run it: npx tsx docs/examples/foreign-log/main.ts
import { drainDecided, formatTimestamp, Oracle, PaxosDriver, packTimestamp } from '../../../src/index.js';
import { FakeLog } from './fake-log.js';
import { ForeignHost, readView } from './foreign-host.js';

/** Lets an oracle serve on the log, over an election, between entries of the log's own. */
export async function run(print: (line: string) => void): Promise<void> {
  const log = new FakeLog();
  await using host = new ForeignHost(log, 1);
  await using driver = new PaxosDriver({ host });
  await using oracle = Oracle.start({ driver });

  print('a log with terms and a commit index, which knows nothing of timestamps, carries the high-water:');
  log.write({ note: 'written before anybody has heard of timestamps' });
  let last = 0n;
  for (let election = 1; election <= 2; election++) {
    log.elect(true);
    host.electionHeld();
    await serving(oracle, log.status.term);
    const { physicalMs, logicalStart } = await oracle.grant(1);
    const timestamp = packTimestamp(physicalMs, logicalStart);
    if (timestamp <= last) throw new Error('timestamps have gone back');
    last = timestamp;
    print(`the leader of term ${log.status.term} grants ${formatTimestamp(timestamp)}`);
    log.write({ note: `written in term ${log.status.term}` });
  }

  // One primitive alone: everything that is committed by now, once and in order.
  let commands = 0;
  const cursor = drainDecided(readView(log), 0, (item) => {
    if (item.kind === 'entry' && 'highWater' in item.entry) commands += 1;
  });
  print(`the log has ${cursor} entries: ${commands} of the oracle, ${cursor - commands} notes of its own`);
}

function serving(oracle: Oracle, term: number): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      const state = oracle.state();
      if (state.role !== 'serving' || state.epoch !== BigInt(term)) return;
      oracle.events.off('state', check);
      resolve();
    };
    oracle.events.on('state', check);
    check();
  });
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
