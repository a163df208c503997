import { z } from 'zod';
import { omniPaxosOptionsSchema } from '../omnipaxos/index.js';
import type { Clock, Logger, NextTurn } from '../runtime/index.js';
import type { Storage } from '../storage/index.js';
import type { PeerTransport } from '../transport/index.js';

const { electionTickTimeout, priority, proposalBufferLimit, resendMessageTickTimeout } =
  omniPaxosOptionsSchema.shape;

/** Guards the tuning of a node: what is a plain value. */
export const nodeTuningSchema = z.strictObject({
  /** How long a tick lasts, in ms. Default 10. */
  tickMs: z.number().min(1, 'must be at least 1').max(60_000, 'must be at most 60000').default(10),
  /** How many ticks a heartbeat round lasts. Default 10. */
  electionTickTimeout,
  /** After how many ticks unanswered messages are sent again. Default 50. */
  resendMessageTickTimeout,
  /** Prefers this node among those that raise their ballots to the same n. Default 0. */
  priority,
  /** How many entries may wait for a leader. Default 4,096. */
  proposalBufferLimit,
  /**
   * How many batches may wait for an fsync; a node that gathers more has a disk that cannot keep up, and stops. Default
   * 1,000,000.
   */
  heldBatchLimit: z.number().int('must be a whole number').min(1, 'must be at least 1').default(1_000_000),
  /** The `host:port` of this node's client service, without a scheme, told to peers; absent if it serves no clients. */
  clientEndpoint: z.string().min(1, 'must not be empty').exactOptional(),
});

/** A node's tuning; see {@link nodeTuningSchema} for ranges and defaults. */
export type NodeTuning = z.input<typeof nodeTuningSchema>;

/** What a node is made of, and its tuning. */
export interface PaxosNodeOptions<E, S> extends NodeTuning {
  /** Open already; the node owns it from now on, and closes it. */
  readonly storage: Storage<E, S>;
  /** Not started yet; the node owns it from now on, and closes it. */
  readonly transport: PeerTransport<E, S>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How a late tick lets sockets be read first. Default: the machine's event loop. */
  readonly nextTurn?: NextTurn;
}
