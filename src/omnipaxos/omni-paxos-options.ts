import { z } from 'zod';
import { PRIORITY_MAX } from './ballot.js';
import { nodeIdSchema } from './cluster-config.js';

const wholeNumber = (min: number, max: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

/** Guards a priority. */
export const prioritySchema = wholeNumber(0, PRIORITY_MAX);

/** Guards the options of a core. */
export const omniPaxosOptionsSchema = z.strictObject({
  /** This node's number, within [1, 2^48 - 1]; a member of the configuration, or about to become one. */
  pid: nodeIdSchema,
  /** This life of the node, at least 1: raised durably at each start of its directory. */
  incarnation: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  /** Prefers this node among those that raise their ballots to the same n: within [0, 65,535]. Default 0. */
  priority: prioritySchema.default(0),
  /** How many ticks a heartbeat round lasts: within [1, 1,000,000]. Default 10. */
  electionTickTimeout: wholeNumber(1, 1_000_000).default(10),
  /** After how many ticks unanswered messages are sent again: within [1, 1,000,000]. Default 50. */
  resendMessageTickTimeout: wholeNumber(1, 1_000_000).default(50),
  /** How many entries may wait for a leader; one beyond is refused: within [0, 1,000,000]. Default 4,096. */
  proposalBufferLimit: wholeNumber(0, 1_000_000).default(4_096),
});

/** What a core is made with; see {@link omniPaxosOptionsSchema} for ranges and defaults. */
export type OmniPaxosOptions = z.input<typeof omniPaxosOptionsSchema>;
