import { describe, expect, it } from 'vitest';
import { EPOCH_ZERO, PHYSICAL_MS_MAX } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { ApplyState } from '../../src/high-water/index.js';
import { advance, barrier, directoryOf, epochOf, idOf } from './commands.js';

const EMPTY = { value: 0, epoch: EPOCH_ZERO, ledger: [] };

describe('apply state: the fold', () => {
  it('at the start: nothing is known', () => {
    const state = new ApplyState();
    expect(state.highWater).toBe(0);
    expect(state.epoch).toBe(EPOCH_ZERO);
    expect(state.lastFolded(directoryOf(1))).toBeUndefined();
    expect(state.snapshot()).toEqual(EMPTY);
  });

  it('an advance: raises the high-water, is applied and remembered', () => {
    const state = new ApplyState();
    expect(state.fold(advance(100, epochOf(1), idOf(7)))).toBe('applied');
    expect(state.snapshot()).toEqual({
      value: 100,
      epoch: epochOf(1),
      ledger: [{ directoryId: directoryOf(1), nodeId: 1, incarnation: 1, seq: 7 }],
    });
  });

  it('a lower advance of the same leadership: is applied, and lowers nothing', () => {
    const state = new ApplyState();
    state.fold(advance(100, epochOf(1), idOf(1)));
    expect(state.fold(advance(40, epochOf(1), idOf(2)))).toBe('applied');
    expect(state.highWater).toBe(100);
  });

  it('an advance folded twice: changes nothing the second time', () => {
    const state = new ApplyState();
    const command = advance(100, epochOf(1), idOf(1));
    state.fold(command);
    const once = state.snapshot();
    expect(state.fold(command)).toBe('applied');
    expect(state.snapshot()).toEqual(once);
  });

  // R16: without the epoch of the barrier, the old leader's advance would move the high-water behind it.
  it("an old leader's advance behind a new leader's barrier: is fenced and moves nothing", () => {
    const state = new ApplyState();
    state.fold(advance(100, epochOf(1, 1), idOf(1, 1)));
    expect(state.fold(barrier(epochOf(2, 2), idOf(1, 2)))).toBe('applied');
    expect(state.fold(advance(500, epochOf(1, 1), idOf(2, 1)))).toBe('fenced');
    expect(state.highWater).toBe(100);
    expect(state.epoch).toBe(epochOf(2, 2));
  });

  // P12
  it("an old leader's advance behind a new leader's advance: is fenced and moves nothing", () => {
    const state = new ApplyState();
    state.fold(advance(200, epochOf(2, 2), idOf(1, 2)));
    expect(state.fold(advance(500, epochOf(1, 1), idOf(1, 1)))).toBe('fenced');
    expect(state.highWater).toBe(200);
  });

  it("an old leader's barrier behind a new leader's: is applied, and lowers no epoch", () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(2, 2), idOf(1, 2)));
    expect(state.fold(barrier(epochOf(1, 1), idOf(1, 1)))).toBe('applied');
    expect(state.epoch).toBe(epochOf(2, 2));
  });

  it('a fenced advance: has been folded all the same, so that its wait can end', () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(2, 2), idOf(1, 2)));
    state.fold(advance(500, epochOf(1, 1), idOf(4, 1)));
    expect(state.lastFolded(directoryOf(1))).toMatchObject({ incarnation: 1, seq: 4 });
  });

  // A08: such a value would be served never and stay for ever.
  it.each([[-1], [0.5], [Number.NaN], [PHYSICAL_MS_MAX + 1], [Number.POSITIVE_INFINITY]])(
    'a poison value %d: is refused by name and changes nothing',
    (atLeast) => {
      const state = new ApplyState();
      expect(() => state.fold(advance(atLeast, epochOf(1), idOf(1)))).toThrowError(
        expect.objectContaining({ field: 'command.atLeast', value: atLeast }),
      );
      expect(state.snapshot()).toEqual(EMPTY);
    },
  );

  it.each([
    ['directoryId', { ...idOf(1), directoryId: 'xyz' }],
    ['incarnation', { ...idOf(1), incarnation: 0 }],
    ['seq', { ...idOf(1), seq: 1.5 }],
  ])('an id that nobody can have: %s is refused by name', (field, id) => {
    expect(() => new ApplyState().fold(barrier(epochOf(1), id))).toThrowError(
      expect.objectContaining({ field: `command.id.${field}` }),
    );
  });
});

describe('apply state: waits on barriers', () => {
  // A01: "decided" is not enough; the barrier itself must have been folded.
  it('a barrier that is decided behind other entries: answers only when everything before it is folded', () => {
    const state = new ApplyState();
    const decided = [
      advance(100, epochOf(1, 2), idOf(1, 2)),
      advance(200, epochOf(1, 2), idOf(2, 2)),
      barrier(epochOf(2, 1), idOf(9, 1)),
    ];
    const seen: [number | undefined, number][] = [];
    for (const command of decided) {
      state.fold(command);
      seen.push([state.lastFolded(directoryOf(1))?.seq, state.highWater]);
    }
    expect(seen).toEqual([
      [undefined, 100],
      [undefined, 200],
      [9, 200],
    ]);
  });

  // A02: an old life's barrier does not satisfy a wait of this one: the incarnation tells them apart.
  it("an earlier life's barrier with a higher seq: does not pass for this life's", () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(1), idOf(9, 1, 1)));
    expect(state.lastFolded(directoryOf(1))).toMatchObject({ incarnation: 1, seq: 9 });
    state.fold(barrier(epochOf(2), idOf(1, 1, 2)));
    expect(state.lastFolded(directoryOf(1))).toMatchObject({ incarnation: 2, seq: 1 });
    state.fold(barrier(epochOf(2), idOf(10, 1, 1)));
    expect(state.lastFolded(directoryOf(1))).toMatchObject({ incarnation: 2, seq: 1 });
  });

  // A05
  it('a barrier passed over inside a snapshot: is known after the restore', () => {
    const ahead = new ApplyState();
    ahead.fold(advance(100, epochOf(1), idOf(1)));
    ahead.fold(barrier(epochOf(1), idOf(2)));
    const behind = new ApplyState();
    behind.restore(ahead.snapshot());
    expect(behind.lastFolded(directoryOf(1))).toMatchObject({ incarnation: 1, seq: 2 });
    expect(behind.highWater).toBe(100);
  });
});

describe('apply state: restore', () => {
  it('into a fresh state: takes over everything', () => {
    const snapshot = { value: 7, epoch: epochOf(3), ledger: [{ ...idOf(4), nodeId: 1 }], members: [1, 2] };
    const state = new ApplyState();
    state.restore(snapshot);
    expect(state.snapshot()).toEqual(snapshot);
    expect(new ApplyState({ initial: snapshot }).snapshot()).toEqual(snapshot);
  });

  it('over a state: the ledger is replaced, not merged, so that replicas stay equal', () => {
    const state = new ApplyState();
    state.fold(barrier(epochOf(1, 1), idOf(1, 1)));
    state.restore({ value: 5, epoch: epochOf(2, 2), ledger: [{ ...idOf(1, 2), nodeId: 2 }] });
    expect(state.lastFolded(directoryOf(1))).toBeUndefined();
  });

  it.each([
    ['high-water', { value: 99, epoch: epochOf(2), ledger: [] }],
    ['epoch', { value: 100, epoch: epochOf(1), ledger: [] }],
  ])('a snapshot that lies behind by its %s: is refused and changes nothing', (_, snapshot) => {
    const state = new ApplyState();
    state.fold(advance(100, epochOf(2), idOf(1)));
    const before = state.snapshot();
    expect(() => state.restore(snapshot)).toThrow(InvalidInputError);
    expect(state.snapshot()).toEqual(before);
  });

  it.each([
    ['snapshot.value', { value: PHYSICAL_MS_MAX + 1, epoch: epochOf(1), ledger: [] }],
    ['snapshot.ledger.0.seq', { value: 1, epoch: epochOf(1), ledger: [{ ...idOf(0), nodeId: 1 }] }],
    ['snapshot.ledger.0.nodeId', { value: 1, epoch: epochOf(1), ledger: [{ ...idOf(1), nodeId: -1 }] }],
    [
      'snapshot.ledger.1.directoryId',
      {
        value: 1,
        epoch: epochOf(1),
        ledger: [
          { ...idOf(1), nodeId: 1 },
          { ...idOf(2), nodeId: 1 },
        ],
      },
    ],
    ['snapshot.members.1', { value: 1, epoch: epochOf(1), ledger: [], members: [2, 2] }],
    ['snapshot.members.0', { value: 1, epoch: epochOf(1), ledger: [], members: [0] }],
  ])('a snapshot that breaks a rule: %s is refused by name', (field, initial) => {
    expect(() => new ApplyState().restore(initial)).toThrowError(expect.objectContaining({ field }));
    expect(() => new ApplyState({ initial })).toThrowError(expect.objectContaining({ field }));
  });
});
