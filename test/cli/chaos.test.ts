import { describe, expect, test } from 'vitest';
import { Chaos } from '../../src/cli/cluster/chaos.js';
import type { DelayedFault, Fault } from '../../src/cli/cluster/fault-schedule.js';
import { NO_LOAD } from '../../src/cli/load/load-messages.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** Three nodes that do nothing but tell what was done to them, and clients that are served as long as `isServed`. */
class World {
  readonly clock = new VirtualClock();
  readonly acts: string[] = [];
  readonly ending = new AbortController();
  leaderId: number | undefined = 2;
  isServed = true;
  outcome: unknown = 'runs';
  #timestamps = 0;

  run(...faults: DelayedFault<Fault>[]): void {
    const nodes = [1, 2, 3].map((nodeId) => ({
      place: { nodeId, dataDir: '', peerAddress: '', clientEndpoint: '' },
      kill: async () => this.#note(`kill ${nodeId}`),
      pause: () => this.#note(`pause ${nodeId}`),
      resume: () => this.#note(`resume ${nodeId}`),
    }));
    const totals = () => ({ ...NO_LOAD, timestamps: this.isServed ? ++this.#timestamps : this.#timestamps });
    const chaos = new Chaos({
      cluster: {
        nodes,
        leader: () => {
          const node = nodes.find(({ place }) => place.nodeId === this.leaderId);
          return node === undefined ? undefined : { node };
        },
      },
      load: {
        get totals() {
          return totals();
        },
        leaderKilled: () => this.#note('told of the kill'),
        killsAnswered: async () => {},
      },
      progress: { event: () => {} },
      clock: this.clock,
      faults,
    });
    chaos.run(this.ending.signal).then(
      () => {
        this.outcome = 'ended';
      },
      (error: unknown) => {
        this.outcome = error;
      },
    );
  }

  #note(act: string): void {
    this.acts.push(`${this.clock.monotonicMs() - this.#beganMs} ${act}`);
  }

  readonly #beganMs = this.clock.monotonicMs();
}

describe('chaos', () => {
  test('all killed: each of them, at the same time', async () => {
    const world = new World();
    world.run({ afterMs: 100, fault: { kind: 'killAll' } });
    await world.clock.advanceAsync(1_000);
    expect(world.acts).toEqual(['100 kill 1', '100 kill 2', '100 kill 3']);
    expect(world.outcome).toBe('ended');
  });

  test('the leader killed: told to the load when it is dead; nothing if nobody leads', async () => {
    const world = new World();
    world.run({ afterMs: 0, fault: { kind: 'killLeader' } });
    await world.clock.advanceAsync(1_000);
    expect(world.acts).toEqual(['0 kill 2', '0 told of the kill']);
    const leaderless = new World();
    leaderless.leaderId = undefined;
    leaderless.run({ afterMs: 0, fault: { kind: 'killLeader' } });
    await leaderless.clock.advanceAsync(1_000);
    expect(leaderless.acts).toEqual([]);
  });

  test('the leader paused: it goes on when its time is over; the node that was drawn, if nobody leads', async () => {
    const world = new World();
    world.run({ afterMs: 10, fault: { kind: 'pauseLeader', node: 0, forMs: 500 } });
    await world.clock.advanceAsync(1_000);
    expect(world.acts).toEqual(['10 pause 2', '510 resume 2']);
    const leaderless = new World();
    leaderless.leaderId = undefined;
    leaderless.run({ afterMs: 10, fault: { kind: 'pauseLeader', node: 0, forMs: 500 } });
    await leaderless.clock.advanceAsync(1_000);
    expect(leaderless.acts).toEqual(['10 pause 1', '510 resume 1']);
  });

  test('ended in the middle of a pause: the process goes on at once', async () => {
    const world = new World();
    world.run({ afterMs: 0, fault: { kind: 'pause', node: 2, forMs: 4_000 } });
    await world.clock.advanceAsync(200);
    world.ending.abort(new Error('enough'));
    await world.clock.advanceAsync(1);
    expect(world.acts).toEqual(['0 pause 3', '200 resume 3']);
    expect(world.outcome).toMatchObject({ message: 'enough' });
    expect(world.clock.armedTimers).toBe(0);
  });

  test('a storm: its faults begin at their own times, and may overlap', async () => {
    const world = new World();
    world.run({
      afterMs: 0,
      fault: {
        kind: 'storm',
        faults: [
          { afterMs: 300, fault: { kind: 'kill', node: 0 } },
          { afterMs: 100, fault: { kind: 'pause', node: 1, forMs: 500 } },
        ],
      },
    });
    await world.clock.advanceAsync(2_000);
    expect(world.acts).toEqual(['100 pause 2', '300 kill 1', '600 resume 2']);
    expect(world.outcome).toBe('ended');
  });

  test('clients not served again within 30 s after a fault: it ends, saying so, and does no more', async () => {
    const world = new World();
    world.isServed = false;
    world.run({ afterMs: 0, fault: { kind: 'killAll' } }, { afterMs: 0, fault: { kind: 'killAll' } });
    await world.clock.advanceAsync(29_000);
    expect(world.outcome).toBe('runs');
    await world.clock.advanceAsync(2_000);
    expect(world.outcome).toMatchObject({
      code: 'cluster_timeout',
      message: 'no grant for 30000 ms after a fault was over',
    });
    expect(world.acts).toHaveLength(3);
  });
});
