import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/runtime/index.js';
import { CoreCluster } from './core-cluster.js';

/** `SCHEDULE_SEED=n` replays one seed; `SCHEDULES=n` runs more of them. */
const ONLY_SEED = process.env['SCHEDULE_SEED'];
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 200);

/** Two nodes, so that they must hear each other, die often, and hear late what was said and asked in earlier lives; most of it is lost. */
function runSchedule(seed: number): void {
  const random = new SeededRandom(seed);
  const cluster = new CoreCluster(2);
  // From now on each life begins with a promise, and leads only if it has heard a quorum.
  cluster.electLeader();
  for (let step = 0; step < 40; step++) {
    const pid = random.pick([1, 2]);
    const dice = random.nextFloat();
    if (dice < 0.12) {
      cluster.crash(pid);
      cluster.restart(pid, false);
    } else if (dice < 0.3) {
      cluster.core(pid).tick();
      cluster.collect();
    } else if (cluster.queue.length > 0) {
      const [message] = cluster.queue.splice(random.below(cluster.queue.length), 1);
      if (message !== undefined && random.chance(0.35)) cluster.deliver(message);
    }
  }
  cluster.queue = [];
  const leader = cluster.electLeader();
  cluster.core(leader).append('a', { forward: false });
  cluster.until(
    () => [1, 2].every((pid) => cluster.decided(pid).includes('a')),
    'both have decided the entry',
    100,
  );
  for (const pid of [1, 2]) expect(cluster.facts(pid, 'violation')).toEqual([]);
}

describe('random lives of two nodes', () => {
  const seeds =
    ONLY_SEED === undefined ? Array.from({ length: SCHEDULES }, (_, i) => i + 1) : [Number(ONLY_SEED)];
  // P22
  test.each(seeds)('seed %i: they hear each other at the end', (seed) => {
    try {
      runSchedule(seed);
    } catch (cause) {
      throw new Error(
        `replay with: SCHEDULE_SEED=${seed} npx vitest run test/omnipaxos/random-lives.test.ts`,
        { cause },
      );
    }
  });
});
