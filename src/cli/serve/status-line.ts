import { z } from 'zod';

/**
 * What `serve paxos --status-json` writes to stdout, one object a line: the first when the node is ready,
 * then one at each change of the leadership, and at least one each second.
 */
export const statusLineSchema = z.strictObject({
  nodeId: z.number().int(),
  pid: z.number().int(),
  /** The node's life: raised at each start. */
  incarnation: z.number().int(),
  /** Where its clients reach it. */
  clientEndpoint: z.string(),
  /** `leader` only while it serves timestamps. */
  role: z.enum(['leader', 'follower', 'unknown']),
  /** The leadership that it serves or follows, as a decimal number of 128 bits; null if none is known. */
  epoch: z
    .string()
    .regex(/^[0-9]{1,39}$/)
    .nullable(),
  /** ms since the Unix epoch, as folded by this node. */
  highWater: z.number().int().nonnegative(),
  decidedIdx: z.number().int().nonnegative(),
});

export type StatusLine = z.output<typeof statusLineSchema>;

/** Reads one line; undefined if it is none of ours. */
export function parseStatusLine(line: string): StatusLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const result = statusLineSchema.safeParse(value);
  return result.success ? result.data : undefined;
}
