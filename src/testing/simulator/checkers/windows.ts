import type { Epoch } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

interface Span {
  first: number;
  last: number;
}

/** The physical times that oracles grant at: those of a later epoch lie above all of an earlier one. Judged at the node, also of grants that never arrive. Invariant 12. */
export class Windows {
  readonly #spans = new Map<Epoch, Span>();

  /** An oracle has granted at `physicalMs`. @throws {InvariantViolation} if another epoch reaches to there. */
  granted(epoch: Epoch, physicalMs: number): void {
    const span = this.#spans.get(epoch);
    if (span !== undefined && span.first <= physicalMs && physicalMs <= span.last) return;
    for (const [other, { first, last }] of this.#spans) {
      const isApart = other === epoch || (other < epoch ? last < physicalMs : physicalMs < first);
      if (isApart) continue;
      throw new InvariantViolation(
        'windows of different epochs do not touch, and later ones lie above',
        `epoch ${epoch.toString(16)} granted at ${physicalMs}, epoch ${other.toString(16)} from ${first} to ${last}`,
      );
    }
    if (span === undefined) this.#spans.set(epoch, { first: physicalMs, last: physicalMs });
    else {
      span.first = Math.min(span.first, physicalMs);
      span.last = Math.max(span.last, physicalMs);
    }
  }
}
