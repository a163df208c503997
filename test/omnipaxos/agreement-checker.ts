import type { NodeId } from '../../src/omnipaxos/index.js';
import type { CoreCluster } from './core-cluster.js';

/** Judges what nodes decide: one value per index for ever, over all nodes and lives. */
export class AgreementChecker {
  readonly #decided: string[] = [];
  readonly #checkedIdx = new Map<NodeId, number>();

  get decidedIdx(): number {
    return this.#decided.length;
  }

  restarted(pid: NodeId): void {
    this.#checkedIdx.delete(pid);
  }

  check(cluster: CoreCluster): void {
    for (const [pid, node] of cluster.nodes) {
      if (!node.up) continue;
      const fromIdx = this.#checkedIdx.get(pid) ?? 0;
      if (node.core.decidedIdx < fromIdx)
        throw new Error(`node ${pid}: decidedIdx fell from ${fromIdx} to ${node.core.decidedIdx}`);
      if (node.core.decidedIdx === fromIdx) continue;
      for (const item of node.core.read(fromIdx)) {
        if (item.kind === 'snapshot')
          this.#checkSnapshot(pid, item.snapshot.value, item.snapshot.compactedIdx);
        else this.#checkEntry(pid, item.idx, item.kind === 'entry' ? item.entry : 'stop sign');
      }
      this.#checkedIdx.set(pid, node.core.decidedIdx);
    }
  }

  fold(upToIdx: number): string {
    return this.#decided.slice(0, upToIdx).join(',');
  }

  #checkEntry(pid: NodeId, idx: number, entry: string): void {
    if (idx === this.#decided.length) this.#decided.push(entry);
    else if (this.#decided[idx] !== entry) {
      throw new Error(`node ${pid} decides ${entry} at ${idx}; ${this.#decided[idx]} was decided there`);
    }
  }

  #checkSnapshot(pid: NodeId, value: string, compactedIdx: number): void {
    if (compactedIdx > this.#decided.length || value !== this.fold(compactedIdx)) {
      throw new Error(
        `node ${pid} holds a snapshot of ${compactedIdx} that is not the fold of what was decided`,
      );
    }
  }
}
