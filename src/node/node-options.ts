import { z } from 'zod';
import { InvalidInputError, parseInput } from '../errors/index.js';
import { type ClusterConfig, omniPaxosOptionsSchema } from '../omnipaxos/index.js';
import type { Clock, Logger, NextTurn } from '../runtime/index.js';
import type { Storage } from '../storage/index.js';
import type { PeerTransport } from '../transport/index.js';

const { electionTickTimeout, priority, proposalBufferLimit, resendMessageTickTimeout } =
  omniPaxosOptionsSchema.shape;

const limit = (max: number) =>
  z.number().int('must be a whole number').min(1, 'must be at least 1').max(max, `must be at most ${max}`);

/** Guards the tuning of a node: what is a plain value. Relations between values are checked by {@link parseNodeTuning}. */
export const nodeTuningSchema = z.strictObject({
  /** How long a tick lasts, in ms, within [1, 60,000]. Default 10. */
  tickMs: z.number().min(1, 'must be at least 1').max(60_000, 'must be at most 60000').default(10),
  /** How many ticks a heartbeat round lasts: within [1, 1,000,000]. Default 10. */
  electionTickTimeout,
  /** After how many ticks unanswered messages are sent again: within [1, 1,000,000]. Default 50. */
  resendMessageTickTimeout,
  /** Prefers this node among those that raise their ballots to the same n: within [0, 65,535]. Default 0. */
  priority,
  /** How many entries may wait for a leader; one beyond is refused: within [0, 1,000,000]. Default 4,096. */
  proposalBufferLimit,
  /**
   * How many bytes one entry may take, as `entryBytes` measures it: within [1,024, 2^28]. A larger one is refused
   * (`entryTooLarge`) before anything is proposed: what no frame and no record can carry would hold up the log for
   * ever. Default 1,048,576 (1 MiB).
   */
  maxEntryBytes: z
    .number()
    .int('must be a whole number')
    .min(1_024, 'must be at least 1024')
    .max(268_435_456, 'must be at most 268435456')
    .default(1_048_576),
  /**
   * How many log records may wait for the next fsync, within [1, 2^24]. As long as so many do, proposals are
   * refused (`bufferFull`) and messages that bring records are dropped. Default 65,536.
   */
  unsyncedRecordLimit: limit(16_777_216).default(65_536),
  /** How many messages may wait for an fsync, within [1, 2^24]; further ones are dropped. Default 65,536. */
  heldMessageLimit: limit(16_777_216).default(65_536),
  /**
   * How many received messages may wait to be handled, within [`inboundPerTurn`, 2^24]; further ones are
   * dropped. Default 16,384.
   */
  inboundQueueLimit: limit(16_777_216).default(16_384),
  /** How many received messages are handled in one turn of the event loop, within [1, 2^20]. Default 1,024. */
  inboundPerTurn: limit(1_048_576).default(1_024),
  /** The `host:port` of this node's client service, without a scheme, told to peers; absent if it serves no clients. */
  clientEndpoint: z.string().refine(isEndpoint, 'must be host:port, without a scheme').exactOptional(),
});

/** A node's tuning; see {@link nodeTuningSchema} for ranges and defaults. */
export type NodeTuning = z.input<typeof nodeTuningSchema>;

/** What a node is made of, and its tuning. */
export interface PaxosNodeOptions<E, S> extends NodeTuning {
  /** Open already. From {@link PaxosNode.start} or {@link PaxosNode.stop} on the node owns it, and closes it. */
  readonly storage: Storage<E, S>;
  /** Not started yet. From {@link PaxosNode.start} or {@link PaxosNode.stop} on the node owns it, and closes it. */
  readonly transport: PeerTransport<E, S>;
  /** How many bytes an entry takes, for `maxEntryBytes`; `encodedBytes` of its codec, say. Default: entries are not measured. */
  readonly entryBytes?: (entry: E) => number;
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** How a late tick, or a flood of messages, lets sockets be read first. Default: the machine's event loop. */
  readonly nextTurn?: NextTurn;
}

/** A node's tuning, checked and with its defaults. */
export type CheckedTuning = z.output<typeof nodeTuningSchema>;

const relatedTuningSchema = nodeTuningSchema.superRefine((tuning, context) => {
  if (tuning.inboundPerTurn <= tuning.inboundQueueLimit) return;
  context.addIssue({
    code: 'custom',
    path: ['inboundPerTurn'],
    message: `must be at most inboundQueueLimit (${tuning.inboundQueueLimit})`,
  });
});

/** @throws {InvalidInputError} naming the field, also for an option that does not exist. */
export function parseNodeTuning(tuning: NodeTuning): CheckedTuning {
  return parseInput(relatedTuningSchema, tuning, 'node options');
}

/** A lease must outlast this many election timeouts: two rounds of heartbeats, and half of one for delays. */
const LEASE_ELECTION_TIMEOUTS = 2.5;

/**
 * Checks a configuration against the tuning.
 * @throws {InvalidInputError} if the lease is too short for these timeouts.
 */
export function checkLease(config: ClusterConfig, tuning: CheckedTuning): void {
  const leaseMsMin = LEASE_ELECTION_TIMEOUTS * tuning.electionTickTimeout * tuning.tickMs;
  if (config.leaseMs === 0 || config.leaseMs >= leaseMsMin) return;
  throw new InvalidInputError(
    'cluster config.leaseMs',
    config.leaseMs,
    `must be 0 or at least ${leaseMsMin}, ${LEASE_ELECTION_TIMEOUTS} times electionTickTimeout (${tuning.electionTickTimeout}) times tickMs (${tuning.tickMs})`,
  );
}

/** Whether a text is `host:port` without a scheme: the host a name, an IPv4 address, or an IPv6 address in brackets. */
export function isEndpoint(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]@]+):([0-9]{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65_535;
}
