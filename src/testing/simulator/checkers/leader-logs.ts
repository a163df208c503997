import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import { BALLOT_ZERO, type Ballot, type NodeId, type StableState } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import { ballotText, isBallotAtLeast } from './ballot-order.js';
import { describeRecord, type ReferenceLog } from './reference-log.js';

/** A node that has finished its log sync and leads. */
export interface LeadingNode {
  readonly nodeId: NodeId;
  readonly ballot: Ballot;
  readonly acceptedIdx: number;
  /** All that it has written, durable or not. */
  written(): StableState<HighWaterCommand, HighWaterSnapshot>;
}

/** Every leader holds all that was decided before it: judged of the newest one, since an older one may have been passed. Invariant 8. */
export class LeaderLogs {
  readonly #reference: ReferenceLog;
  #newest: Ballot = BALLOT_ZERO;
  /** How much of the newest leader's log has been compared. */
  #comparedIdx = 0;

  constructor(reference: ReferenceLog) {
    this.#reference = reference;
  }

  /** @throws {InvariantViolation} if `leader` is the newest and misses something. */
  see(leader: LeadingNode): void {
    const { nodeId, ballot, acceptedIdx } = leader;
    if (!isBallotAtLeast(ballot, this.#newest)) return;
    if (ballotText(ballot) !== ballotText(this.#newest)) {
      this.#newest = ballot;
      this.#comparedIdx = 0;
    }
    const { length } = this.#reference;
    if (acceptedIdx < length) {
      this.#lacks(`node ${nodeId} leads in ${ballotText(ballot)} with ${acceptedIdx} of ${length} records`);
    }
    if (this.#comparedIdx < length) this.#compare(leader);
  }

  #compare(leader: LeadingNode): void {
    const { nodeId, ballot } = leader;
    const { acceptedRound, records, snapshot } = leader.written();
    // Its log is compared once it has handed over the write that made it leader.
    if (ballotText(acceptedRound) !== ballotText(ballot)) return;
    const compactedIdx = snapshot?.compactedIdx ?? 0;
    const { length } = this.#reference;
    for (let idx = Math.max(this.#comparedIdx, compactedIdx); idx < length; idx++) {
      const held = records[idx - compactedIdx];
      // A record of its own that it has yet to hand over is one that nobody else can have decided.
      if (held === undefined) return;
      const decided = this.#reference.entryAt(idx);
      if (describeRecord(held) !== decided) {
        this.#lacks(
          `node ${nodeId} leads in ${ballotText(ballot)} with "${describeRecord(held)}" at ${idx}, where "${decided}" is decided`,
        );
      }
      this.#comparedIdx = idx + 1;
    }
  }

  #lacks(detail: string): never {
    throw new InvariantViolation('every later leader holds what was decided', detail);
  }
}
