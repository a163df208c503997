import { describe, expect, it } from 'vitest';
import type { HighWaterCommand } from '../../src/high-water/index.js';
import { ApplyState } from '../../src/high-water/index.js';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { advance, barrier, directoryOf, epochOf, idOf, stopSignTo } from './commands.js';

const remembered = (state: ApplyState): NodeId[] => state.snapshot().ledger.map(({ nodeId }) => nodeId);

/** A state in which nodes 1 to `nodes` have each proposed once. */
function proposedBy(...nodes: readonly NodeId[]): ApplyState {
  const state = new ApplyState();
  for (const pid of nodes) state.fold(barrier(epochOf(pid, pid), idOf(1, pid)));
  return state;
}

describe('ledger: what it remembers', () => {
  it('proposals out of order: the newest of each directory stays', () => {
    const state = new ApplyState();
    for (const id of [idOf(2), idOf(1), idOf(5, 1, 2), idOf(9, 1, 1), idOf(4, 1, 2)]) {
      state.fold(barrier(epochOf(1), id));
    }
    expect(state.snapshot().ledger).toEqual([{ ...idOf(5, 1, 2), nodeId: 1 }]);
  });

  it('entries: carry the pid of the epoch that they were proposed at', () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(1, 65_537), idOf(1, 65_537)));
    expect(remembered(state)).toEqual([65_537]);
  });

  it('several directories: a snapshot lists them in ascending order, whatever the order of folding', () => {
    expect(remembered(proposedBy(3, 1, 2))).toEqual([1, 2, 3]);
  });

  // R14
  it('a new directory of the same pid: is another proposer, whose seqs start anew', () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(1, 3), { directoryId: 'aaaaaaaaaaaaaaaa', incarnation: 9, seq: 9 }));
    expect(state.lastFolded('bbbbbbbbbbbbbbbb')).toBeUndefined();
    state.fold(barrier(epochOf(2, 3), { directoryId: 'bbbbbbbbbbbbbbbb', incarnation: 1, seq: 1 }));
    expect(state.lastFolded('bbbbbbbbbbbbbbbb')).toMatchObject({ incarnation: 1, seq: 1 });
  });
});

describe('ledger: it never suppresses a fold', () => {
  // R17: forwards can be decided out of order, 2 before 1.
  it('an older id behind a newer one: takes full effect', () => {
    const state = new ApplyState();
    state.fold(advance(100, epochOf(1), idOf(2)));
    expect(state.fold(advance(300, epochOf(1), idOf(1)))).toBe('applied');
    expect(state.highWater).toBe(300);
    expect(state.lastFolded(directoryOf(1))).toMatchObject({ seq: 2 });
  });

  // R17
  it('the same id with another value: takes full effect', () => {
    const state = new ApplyState();
    state.fold(advance(100, epochOf(1), idOf(1)));
    state.fold(advance(150, epochOf(1), idOf(1)));
    expect(state.highWater).toBe(150);
  });

  // R17
  it('two states with unequal ledgers: fold the same commands to the same high-water and epoch', () => {
    const pruned = new ApplyState({ initial: { value: 10, epoch: epochOf(1), ledger: [] } });
    const full = new ApplyState({
      initial: { value: 10, epoch: epochOf(1), ledger: [{ ...idOf(50, 1, 5), nodeId: 1 }] },
    });
    const commands: HighWaterCommand[] = [
      advance(20, epochOf(1), idOf(2)),
      advance(40, epochOf(2, 2), idOf(1, 2)),
      advance(60, epochOf(1), idOf(3)),
    ];
    for (const command of commands) expect(pruned.fold(command)).toBe(full.fold(command));
    expect([pruned.highWater, pruned.epoch]).toEqual([full.highWater, full.epoch]);
    expect(pruned.highWater).toBe(40);
  });
});

describe('ledger: a stop sign prunes it', () => {
  it('the first stop sign: everybody who has proposed so far is a member, and stays', () => {
    const state = proposedBy(1, 2, 3);
    state.foldStopSign(stopSignTo(2, 4, 5));
    expect(remembered(state)).toEqual([1, 2, 3]);
  });

  it('a later stop sign: members of neither the old nor the next configuration are forgotten', () => {
    const state = proposedBy(1, 2, 3);
    state.foldStopSign(stopSignTo(2, 3, 4));
    state.fold(barrier(epochOf(9, 4), idOf(1, 4)));
    state.foldStopSign(stopSignTo(3, 1, 5));
    expect(remembered(state)).toEqual([1, 3, 4]);
    state.foldStopSign(stopSignTo(4, 5));
    expect(remembered(state)).toEqual([1]);
    state.foldStopSign(stopSignTo(5, 6));
    expect(remembered(state)).toEqual([]);
  });

  it('a stop sign: moves neither high-water nor epoch, and tells no event', () => {
    const state = proposedBy(1);
    state.fold(advance(70, epochOf(1, 1), idOf(2)));
    let events = 0;
    state.events.on('applied', () => events++);
    state.events.on('restored', () => events++);
    state.foldStopSign(stopSignTo(2, 7, 2));
    expect([state.highWater, state.epoch, events]).toEqual([70, epochOf(1, 1), 0]);
    expect(state.snapshot().members).toEqual([2, 7]);
  });

  // R17: making a snapshot prunes nothing; a replica that restores it prunes exactly what the others prune.
  it('a replica that came by a snapshot: prunes at the next stop sign what the others prune', () => {
    const straight = proposedBy(1, 2, 3);
    straight.foldStopSign(stopSignTo(2, 2, 3));
    const before = straight.snapshot();
    const restored = new ApplyState();
    restored.restore(before);
    expect(straight.snapshot()).toEqual(before);
    for (const state of [straight, restored]) state.foldStopSign(stopSignTo(3, 3, 4));
    expect(restored.snapshot()).toEqual(straight.snapshot());
    expect(remembered(restored)).toEqual([2, 3]);
  });

  // A07
  it('a thousand reconfigurations to new nodes: the ledger stays as small as two configurations', () => {
    const state = new ApplyState();
    for (let n = 1; n <= 1_000; n++) {
      state.fold(barrier(epochOf(n, n), idOf(1, n)));
      state.foldStopSign(stopSignTo(n + 1, n + 1, n + 2));
      expect(state.snapshot().ledger.length).toBeLessThanOrEqual(4);
    }
  });

  it('a snapshot made before: is not changed by pruning', () => {
    const state = proposedBy(1, 2);
    state.foldStopSign(stopSignTo(2, 2));
    const before = state.snapshot();
    const copy = structuredClone(before);
    state.foldStopSign(stopSignTo(3, 3));
    state.foldStopSign(stopSignTo(4, 3));
    expect(before).toEqual(copy);
    expect(remembered(state)).toEqual([]);
  });
});
