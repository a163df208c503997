import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApplyState, type HighWaterCommand, type HighWaterSnapshot } from '../../src/high-water/index.js';
import type { DecidedItem } from '../../src/omnipaxos/index.js';
import { type HighWaterFoldingHost, highWaterLaws } from '../../src/testing/high-water-laws.js';

type Entry = { readonly text: string } | { readonly highWater: HighWaterCommand };
interface Both {
  readonly texts: readonly string[];
  readonly highWater: HighWaterSnapshot;
}

const carry = (highWater: HighWaterCommand): Entry => ({ highWater });
const otherEntry = fc.string({ maxLength: 3 }).map((text): Entry => ({ text }));

/** Keeps the texts and the high-water of its log. Made to be broken, part by part. */
class TextHost implements HighWaterFoldingHost<Entry, Both> {
  readonly applyState = new ApplyState();
  texts: readonly string[] = [];

  fold(item: DecidedItem<Entry, Both>): void {
    if (item.kind === 'snapshot') this.restore(item.snapshot.value);
    else if (item.kind === 'stopSign') this.applyState.foldStopSign(item.stopSign);
    else if ('text' in item.entry) this.foldText(item.entry.text);
    else this.foldHighWater(item.entry.highWater);
  }

  snapshot(): Both {
    return { texts: this.texts, highWater: this.applyState.snapshot() };
  }

  protected restore({ highWater, texts }: Both): void {
    this.texts = texts;
    this.applyState.restore(highWater);
  }

  protected foldText(text: string): void {
    this.texts = [...this.texts, text];
  }

  protected foldHighWater(command: HighWaterCommand): void {
    this.applyState.fold(command);
  }
}

describe('the laws of every host that carries the high-water, on one that does', () => {
  const laws = highWaterLaws({ createHost: () => new TextHost(), carry, otherEntry });
  it.each(laws.map((law) => [law.name, law] as const))('%s', (_, law) => law.run());
});

/** Takes its own entries for advances, as well. */
class EagerHost extends TextHost {
  protected override foldText(text: string): void {
    super.foldText(text);
    const id = { directoryId: '00000000000000aa', incarnation: 1, seq: this.texts.length };
    this.applyState.fold({ kind: 'advance', atLeast: text.length, epoch: this.applyState.epoch, id });
  }
}

/** Skips barriers, since they change no value. */
class BarrierSkippingHost extends TextHost {
  protected override foldHighWater(command: HighWaterCommand): void {
    if (command.kind === 'advance') super.foldHighWater(command);
  }
}

/** Skips advances that would not raise the high-water. */
class ShortcutHost extends TextHost {
  protected override foldHighWater(command: HighWaterCommand): void {
    if (command.kind === 'barrier' || command.atLeast > this.applyState.highWater)
      super.foldHighWater(command);
  }
}

/** Folds what it is not sure to have folded again. */
class TwiceHost extends TextHost {
  protected override foldHighWater(command: HighWaterCommand): void {
    super.foldHighWater(command);
    super.foldHighWater(command);
  }
}

/** Leaves the ledger out of its snapshots. */
class LedgerLosingHost extends TextHost {
  override snapshot(): Both {
    const { highWater, texts } = super.snapshot();
    return { texts, highWater: { ...highWater, ledger: [] } };
  }
}

/** Restores only its own half. */
class HalfRestoringHost extends TextHost {
  protected override restore({ texts }: Both): void {
    this.texts = texts;
  }
}

describe('the laws of every host that carries the high-water, on hosts that break one', () => {
  const FOLD = 'high-water: it is the fold of the commands alone, whatever else the log carries';
  const OTHERS = 'high-water: other entries do not move it, nor does it ever fall';
  const TOLD = 'high-water: each command is told once, in the order of the log, and nothing else is';
  const LEDGER = 'ledger: the newest proposal of each directory is known after a restart from any snapshot';

  it.each<[string, new () => TextHost, readonly string[]]>([
    ['entries of its own move it', EagerHost, [FOLD, OTHERS, TOLD, LEDGER]],
    ['barriers are skipped', BarrierSkippingHost, [FOLD, TOLD, LEDGER]],
    ['advances that raise nothing are skipped', ShortcutHost, [FOLD, TOLD, LEDGER]],
    ['commands are folded twice', TwiceHost, [TOLD]],
    ['the ledger is left out of snapshots', LedgerLosingHost, [LEDGER]],
    ['snapshots restore the other half only', HalfRestoringHost, [LEDGER]],
  ])('%s: is found', async (_, Host, expected) => {
    const broken: string[] = [];
    for (const law of highWaterLaws({
      createHost: () => new Host(),
      carry,
      otherEntry,
      runs: 300,
      seed: 1,
    })) {
      await law.run().catch(() => broken.push(law.name));
    }
    expect(broken).toEqual(expected);
  });
});
