import type { NodeId } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';

/** What a node shows that runs on a directory which is not what its peers remember. */
export interface ShownPart {
  readonly connectedPeers: readonly NodeId[];
  readonly role: string;
}

/**
 * A node whose directory was wiped, set back or cloned takes no part: no peer that remembers it lets it in. Invariant 21.
 * @throws {InvariantViolation} if it does.
 */
export function requireNoPart(nodeId: NodeId, { connectedPeers, role }: ShownPart): void {
  if (connectedPeers.length === 0 && role !== 'leader') return;
  throw new InvariantViolation(
    'a wiped, restored or cloned directory takes no part',
    `node ${nodeId} is ${role}, and connected to [${connectedPeers}]`,
  );
}
