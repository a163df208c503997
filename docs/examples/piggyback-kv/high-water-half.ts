// What this service has written for the oracle; the rest are the lines of its log and its node that name the high-water.
import {
  ApplyState,
  EPOCH_ZERO,
  type HighWaterSnapshot,
  NodeHighWaterHost,
  type PaxosNode,
} from '../../../src/index.js';
import type { DecidedItem, Snapshot } from '../../../src/omnipaxos/index.js';
import type { KvEntry, KvSnapshot } from './kv-log.js';

/** The half of the service's state that the oracle works on, and the port of the Paxos driver on the service's own node. */
export class HighWaterHalf extends NodeHighWaterHost {
  constructor(node: PaxosNode<KvEntry, KvSnapshot>) {
    const { directoryId, incarnation, nodeId } = node;
    super(
      {
        directoryId,
        incarnation,
        nodeId,
        leadership: () => node.leadership(),
        append: (command, options) => node.append({ highWater: command }, options),
      },
      new ApplyState(),
    );
  }

  /**
   * Only from the first command on. A node that came by an earlier snapshot, which has no such half, does not know the stop signs
   * before it, and must come to the same state.
   */
  foldStopSign(item: Extract<DecidedItem<never, never>, { kind: 'stopSign' }>): void {
    if (this.#hasBegun) this.fold(item);
  }

  /** The half of a snapshot; undefined as long as the log has carried no command. */
  snapshot(): HighWaterSnapshot | undefined {
    return this.#hasBegun ? this.applyState.snapshot() : undefined;
  }

  restore({ value, ...rest }: Snapshot<KvSnapshot>): void {
    const half = value.highWater;
    if (half !== undefined) this.fold({ kind: 'snapshot', snapshot: { ...rest, value: half } });
  }

  get #hasBegun(): boolean {
    return this.applyState.epoch !== EPOCH_ZERO;
  }
}
