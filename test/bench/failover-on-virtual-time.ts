// How long clients wait when the leader loses its power, with and without leases, on virtual time: each
// message takes 1 ms, and disks answer at once. So it is what the protocol alone takes, the same on every
// machine. Run it: npm run bench:failover-virtual
import { parseArgs } from 'node:util';
import { failover } from '../host/failover.js';

const LEASES_MS = [0, 250];

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '300' }, json: { type: 'boolean', default: false } },
});
const seeds = Number(values.seeds);
if (!Number.isSafeInteger(seeds) || seeds < 1)
  throw new RangeError(`--seeds must be a whole number of at least 1, not ${values.seeds}`);

const results = [];
for (const leaseMs of LEASES_MS) {
  const gapsMs: number[] = [];
  let deposed = 0;
  let withoutLease = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { gapMs, leaderships, withoutLeaseMs } = await failover(seed, leaseMs);
    gapsMs.push(gapMs);
    if (leaderships > 1) deposed += 1;
    if (withoutLeaseMs > 0) withoutLease += 1;
  }
  const sorted = gapsMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(seeds - 1, Math.floor(share * seeds))] ?? 0;
  results.push({ leaseMs, seeds, p50Ms: at(0.5), p90Ms: at(0.9), maxMs: at(1), deposed, withoutLease });
}
if (values.json) process.stdout.write(`${JSON.stringify({ results })}\n`);
else {
  for (const { leaseMs, p50Ms, p90Ms, maxMs, deposed, withoutLease } of results) {
    process.stdout.write(
      `lease ${leaseMs} ms: p50 ${p50Ms} ms  p90 ${p90Ms} ms  max ${maxMs} ms; ${deposed} of ${seeds} times the first one to lead was deposed by the other, ${withoutLease} times it led without a valid lease\n`,
    );
  }
}
