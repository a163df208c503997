import type { NodeId } from '../omnipaxos/index.js';
import { compareProposals, type ProposalId } from './high-water-command.js';
import type { LedgerEntry } from './high-water-snapshot.js';

/**
 * Remembers, for each data directory, the newest proposal that has been folded. It answers waits; it never
 * decides whether a command takes effect.
 *
 * It is a function of the log alone: replicas that have folded the same prefix have equal ledgers, whether
 * they folded its records or took over a snapshot of them (`entries`, `replace`), and over restarts. So only
 * the fold may touch it. It holds at most one entry for each directory, until a stop sign leaves out its node.
 *
 * ```ts
 * ledger.note(command.id, nodeId); // in the fold of each command
 * ledger.prune(new Set([...members, ...nextConfig.nodes])); // in the fold of a stop sign, and nowhere else
 * ledger.lastFolded(directoryId); // { directoryId, nodeId, incarnation, seq }, or undefined
 * ```
 */
export class Ledger {
  #entries = new Map<string, LedgerEntry>();

  /** Notes a folded proposal, unless a newer one of the same directory has been noted. */
  note({ directoryId, incarnation, seq }: ProposalId, nodeId: NodeId): void {
    const known = this.#entries.get(directoryId);
    if (known !== undefined && compareProposals(known, { incarnation, seq }) >= 0) return;
    this.#entries.set(directoryId, { directoryId, nodeId, incarnation, seq });
  }

  /** The newest proposal of a directory that has been noted; undefined if there is none, or it was pruned. */
  lastFolded(directoryId: string): LedgerEntry | undefined {
    return this.#entries.get(directoryId);
  }

  /** Forgets the directories of all nodes that are not among `nodes`. */
  prune(nodes: ReadonlySet<NodeId>): void {
    for (const [directoryId, entry] of this.#entries) {
      if (!nodes.has(entry.nodeId)) this.#entries.delete(directoryId);
    }
  }

  /** Forgets everything, and holds what a snapshot holds: {@link entries} of another ledger, at most one for each directory. */
  replace(entries: readonly LedgerEntry[]): void {
    this.#entries = new Map(entries.map((entry) => [entry.directoryId, entry]));
  }

  /** All entries, ascending by directoryId. */
  entries(): LedgerEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.directoryId < b.directoryId ? -1 : 1));
  }
}
