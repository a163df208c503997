import { EventEmitter } from 'eventemitter3';
import { describe, expect, test } from 'vitest';
import { parseStatusLine } from '../../src/cli/serve/status-line.js';
import { StatusReporter } from '../../src/cli/serve/status-reporter.js';
import { toEpoch } from '../../src/consensus/index.js';
import type { HostStatus } from '../../src/host/index.js';
import type { OracleEvents, OracleState } from '../../src/oracle/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

function create() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const events = new EventEmitter<OracleEvents>();
  let state: OracleState = { role: 'unknown' };
  const status = { highWater: 1_000, node: { nodeId: 2, incarnation: 3, core: { decidedIdx: 17 } } };
  const reporter = new StatusReporter({
    // Only what the reporter reads of a host's status.
    host: { status: () => status as HostStatus },
    oracle: { state: () => state, events },
    clientEndpoint: '127.0.0.1:50552',
    clock,
    write: (line) => lines.push(line),
  });
  const become = (next: OracleState): void => {
    state = next;
    events.emit('state', next);
  };
  const told = () => lines.map((line) => parseStatusLine(line)).map((line) => `${line?.role} ${line?.epoch}`);
  return { clock, lines, reporter, become, told, events };
}

const epoch = toEpoch(5n);

describe('status reporter', () => {
  test('made, tells the whole status at once', () => {
    const { lines } = create();
    expect(lines.map((line) => parseStatusLine(line))).toEqual([
      {
        nodeId: 2,
        pid: process.pid,
        incarnation: 3,
        clientEndpoint: '127.0.0.1:50552',
        role: 'unknown',
        epoch: null,
        highWater: 1_000,
        decidedIdx: 17,
      },
    ]);
  });

  test('the leadership changes, tells it at once; a new window is no news', () => {
    const { become, told } = create();
    become({ role: 'follower', leader: { epoch: toEpoch(4n) } });
    become({ role: 'fencing', epoch });
    become({ role: 'serving', epoch, limitMs: 1 });
    become({ role: 'serving', epoch, limitMs: 2 });
    become({ role: 'failed', error: new Error('x') });
    expect(told()).toEqual(['unknown null', 'follower 4', 'unknown 5', 'leader 5', 'unknown null']);
  });

  test('nothing changes, tells it each second', () => {
    const { clock, lines } = create();
    clock.advance(3_500);
    expect(lines).toHaveLength(4);
  });

  test('disposed, tells nothing more and leaves neither timer nor listener behind', () => {
    const { clock, lines, reporter, become, events } = create();
    reporter[Symbol.dispose]();
    become({ role: 'serving', epoch, limitMs: 1 });
    clock.advance(5_000);
    expect(lines).toHaveLength(1);
    expect(clock.armedTimers).toBe(0);
    expect(events.listenerCount('state')).toBe(0);
  });
});
