import { describe, expect, test } from 'vitest';
import { Progress } from '../../src/cli/cluster/progress.js';
import { judge } from '../../src/cli/cluster/verdict.js';
import { epochFromBallot } from '../../src/high-water/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

function create(colours = false) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const progress = new Progress({ write: (line) => lines.push(line), colours, clock });
  return { clock, lines, progress };
}

const facts = {
  nodes: 3,
  failovers: 1,
  kills: 1,
  leaderKills: 0,
  restarts: 0,
  pauses: 0,
  highWater: 5,
  decidedIdx: 6,
  unexpectedExits: 0,
  unreaped: 0,
};
const load = {
  elapsedMs: 2_000,
  timestamps: 2_468,
  violations: 0,
  errors: { UNAVAILABLE: 3 },
  failoverGapsMs: [312.4],
  unansweredKills: 0,
};

describe('progress', () => {
  test('a whole run, reads like this', () => {
    const { clock, lines, progress } = create();
    progress.layout({
      dataDir: '/tmp/c',
      temporary: true,
      nodes: [
        {
          nodeId: 1,
          dataDir: '/tmp/c/node-1',
          peerAddress: '127.0.0.1:20001',
          clientEndpoint: '127.0.0.1:50551',
        },
      ],
    });
    clock.advance(700);
    progress.loadBegins();
    clock.advance(1_000);
    const epoch = epochFromBallot({ configId: 1, n: 7, priority: 0, pid: 2 });
    const line = { highWater: 1_700_000_004_000, decidedIdx: 12, failovers: 0 };
    progress.second({ ...line, leaderId: 2, epoch, timestampsPerSecond: 3_912.4 });
    progress.event('node 2, the leader, was killed with SIGKILL');
    clock.advance(1_000);
    progress.second({ ...line, leaderId: undefined, epoch: undefined, timestampsPerSecond: 0 });
    progress.verdict(judge({ ...facts, load }));
    progress.verdict(judge({ ...facts, load: { ...load, violations: 2 } }));
    expect(`\n${lines.join('\n')}`).toMatchInlineSnapshot(`
      "
      1 node on this machine, data in /tmp/c (removed at the end)
        node 1: clients at 127.0.0.1:50551, peers at 127.0.0.1:20001
         0.7 s  clients are served: the run begins
         1.7 s  leader 2     epoch 1.7.0.2    high-water 1700000004000  decided 12        3,912 timestamps/s  failovers 0
         1.7 s  node 2, the leader, was killed with SIGKILL
         2.7 s  leader none  epoch -          high-water 1700000004000  decided 12            0 timestamps/s  failovers 0
      ok, 2,468 timestamps (1,234/s), 0 violations, 1 failover (p50 312 ms, max 312 ms), errors: 3 UNAVAILABLE
      NOT OK, 2,468 timestamps (1,234/s), 2 violations, 1 failover (p50 312 ms, max 312 ms), errors: 3 UNAVAILABLE
        grants out of order or granted twice: 2"
    `);
  });

  test('on a terminal, what matters is coloured', () => {
    const { lines, progress } = create(true);
    progress.verdict(judge({ ...facts, load }));
    expect(lines[0]?.startsWith('\u001b[32mok, ')).toBe(true);
    progress.failure('node 1 ended by itself');
    expect(lines[1]?.startsWith('\u001b[31m')).toBe(true);
  });
});
