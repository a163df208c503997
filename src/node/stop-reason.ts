import type { ClusterConfig } from '../omnipaxos/index.js';

/** Why a node has stopped. Only `closed` and `removed` are what somebody asked for. */
export type StopReason =
  /** {@link PaxosNode.stop} was called. */
  | { readonly kind: 'closed' }
  /** A write or an fsync has failed. What the disk holds then is known only after a restart. */
  | { readonly kind: 'storageFailed'; readonly error: Error }
  /** The transport could not be started. */
  | { readonly kind: 'transportFailed'; readonly error: Error }
  /** The protocol core has met a broken invariant, or the end of its ballot numbers. */
  | { readonly kind: 'protocolFailed'; readonly error: Error }
  /** This node is not a member of this configuration, whose members go on without it. */
  | { readonly kind: 'removed'; readonly config: ClusterConfig }
  /** A peer knows this node with another directory or life: this one was wiped, rolled back or cloned, and must never run again. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A sentence for logs. */
export function describeStop(reason: StopReason): string {
  switch (reason.kind) {
    case 'closed':
      return 'the node was closed';
    case 'storageFailed':
      return `its storage has failed: ${reason.error.message}`;
    case 'transportFailed':
      return `its transport could not be started: ${reason.error.message}`;
    case 'protocolFailed':
      return `the protocol core has failed: ${reason.error.message}`;
    case 'removed':
      return `it was removed: configuration ${reason.config.configId} goes on without it`;
    case 'refused':
      return `its data directory is refused: ${reason.reason}`;
  }
}
