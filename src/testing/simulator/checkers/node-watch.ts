import type { StandaloneHost } from '../../../host/index.js';
import { InvariantViolation } from '../violation.js';
import type { ReferenceLog } from './reference-log.js';

/** Watches one life of one node: what it shows never goes back, and is what was decided. */
export class NodeWatch {
  readonly #nodeId: number;
  readonly #reference: ReferenceLog;
  #decidedIdx = 0;
  #highWater = 0;
  #appliedIdx = 0;

  constructor(nodeId: number, reference: ReferenceLog) {
    this.#nodeId = nodeId;
    this.#reference = reference;
  }

  /** Looks at what has been decided since the last look; must be called before it is compacted away. @throws {InvariantViolation} */
  checkLog({ log }: Pick<StandaloneHost, 'log'>): void {
    if (log.decidedIdx < this.#decidedIdx) this.#fell('decidedIdx', this.#decidedIdx, log.decidedIdx);
    if (this.#decidedIdx === log.decidedIdx) return;
    for (const item of log.read(this.#decidedIdx)) this.#reference.see(this.#nodeId, item);
    this.#decidedIdx = log.decidedIdx;
  }

  /** Looks at everything. @throws {InvariantViolation} */
  check(host: StandaloneHost): void {
    this.checkLog(host);
    const { apply, highWater, foldedEpoch, node } = host.status();
    if (highWater < this.#highWater) this.#fell('the high-water', this.#highWater, highWater);
    if (apply.appliedIdx < this.#appliedIdx) this.#fell('appliedIdx', this.#appliedIdx, apply.appliedIdx);
    this.#highWater = highWater;
    this.#appliedIdx = apply.appliedIdx;
    const { compactedIdx, decidedIdx, acceptedIdx } = node.core;
    if (!(compactedIdx <= apply.appliedIdx && apply.appliedIdx <= decidedIdx && decidedIdx <= acceptedIdx)) {
      // A snapshot from the leader is in the log before it is applied.
      const awaitsSnapshot =
        apply.appliedIdx < compactedIdx && compactedIdx <= decidedIdx && decidedIdx <= acceptedIdx;
      if (!awaitsSnapshot) {
        throw new InvariantViolation(
          'compacted, applied, decided and accepted indexes are in order',
          `node ${this.#nodeId} shows ${compactedIdx}, ${apply.appliedIdx}, ${decidedIdx}, ${acceptedIdx}`,
        );
      }
    }
    const fold = this.#reference.foldAt(apply.appliedIdx);
    if (fold.highWater !== highWater || fold.epoch !== foldedEpoch) {
      throw new InvariantViolation(
        'the applied state is the fold of the decided log',
        `node ${this.#nodeId} shows high-water ${highWater} at ${apply.appliedIdx}, the fold is ${fold.highWater}`,
      );
    }
  }

  #fell(what: string, before: number, after: number): never {
    throw new InvariantViolation(
      'nothing that a node shows goes back',
      `${what} of node ${this.#nodeId} fell from ${before} to ${after}`,
    );
  }
}
