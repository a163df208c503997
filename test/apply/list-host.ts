import type { DecidedItem } from '../../src/omnipaxos/index.js';

/** The slowest host there is: its state is the list of everything folded, in order. */
export class ListHost {
  state: readonly string[] = [];

  readonly fold = (item: DecidedItem<string, readonly string[]>): void => {
    switch (item.kind) {
      case 'entry':
        this.state = [...this.state, item.entry];
        return;
      case 'stopSign':
        this.state = [...this.state, `stop sign to ${item.stopSign.nextConfig.configId}`];
        return;
      case 'snapshot':
        this.state = item.snapshot.value;
        return;
    }
  };

  snapshot(): readonly string[] {
    return this.state;
  }
}

/** The names of `count` entries, beginning with the one at index `fromIdx`. */
export function entries(count: number, fromIdx = 0): string[] {
  return Array.from({ length: count }, (_, offset) => `e${fromIdx + offset}`);
}
