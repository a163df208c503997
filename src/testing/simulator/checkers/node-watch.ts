import type { HostStatus, StandaloneHost } from '../../../host/index.js';
import { InvariantViolation } from '../violation.js';
import type { ReferenceLog } from './reference-log.js';

/** Watches one life of one node: what it shows never goes back, and is what was decided. Invariants 1, 3, 9 and 18. */
export class NodeWatch {
  readonly #nodeId: number;
  readonly #reference: ReferenceLog;
  #decidedIdx = 0;
  #highWater = 0;
  #appliedIdx = 0;
  /** How far this life had applied the log when it was first looked at. */
  #recoveredIdx: number | undefined;

  constructor(nodeId: number, reference: ReferenceLog) {
    this.#nodeId = nodeId;
    this.#reference = reference;
  }

  /** How far this life had applied the log when it was first looked at. */
  get recoveredIdx(): number {
    return this.#recoveredIdx ?? 0;
  }

  /** Looks at what has been decided since the last look; must be called before it is compacted away. @throws {InvariantViolation} */
  checkLog({ log }: Pick<StandaloneHost, 'log'>): void {
    if (log.decidedIdx < this.#decidedIdx) this.#fell('decidedIdx', this.#decidedIdx, log.decidedIdx);
    if (this.#decidedIdx === log.decidedIdx) return;
    for (const item of log.read(this.#decidedIdx)) this.#reference.see(this.#nodeId, item);
    this.#decidedIdx = log.decidedIdx;
  }

  /** Looks at everything that the node shows. @throws {InvariantViolation} */
  check(host: StandaloneHost, status: HostStatus): void {
    this.checkLog(host);
    const { apply, highWater, foldedEpoch } = status;
    if (highWater < this.#highWater) this.#fell('the high-water', this.#highWater, highWater);
    if (apply.appliedIdx < this.#appliedIdx) this.#fell('appliedIdx', this.#appliedIdx, apply.appliedIdx);
    this.#highWater = highWater;
    this.#appliedIdx = apply.appliedIdx;
    this.#recoveredIdx ??= apply.appliedIdx;
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
