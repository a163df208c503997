import { z } from 'zod';

/** What the supervisor and its load process say to each other. Both sides check what arrives. */

/** From the supervisor. */
export const loadOrderSchema = z.discriminatedUnion('kind', [
  /** Begin: so many clients, each a closed loop of single calls to these endpoints. Comes once, first. */
  z.strictObject({
    kind: z.literal('start'),
    endpoints: z.array(z.string()).min(1),
    clients: z.number().int().min(1),
  }),
  /** The leader has been killed, and has been reaped. */
  z.strictObject({ kind: z.literal('leaderKilled') }),
  /** End the load, send the last report and exit. */
  z.strictObject({ kind: z.literal('stop') }),
]);

export type LoadOrder = z.output<typeof loadOrderSchema>;

/** What the load has seen since its start. */
export const loadTotalsSchema = z.strictObject({
  /** For how long it has run, in ms. */
  elapsedMs: z.number().nonnegative(),
  /** How many timestamps were received. */
  timestamps: z.number().int().nonnegative(),
  /** How many grants broke the order that clients are promised. */
  violations: z.number().int().nonnegative(),
  /** How many calls failed, by the name of their gRPC status, or `UNKNOWN`. */
  errors: z.record(z.string(), z.number().int().positive()),
  /** For each kill that a grant has followed: how long no client was granted anything, in ms. */
  failoverGapsMs: z.array(z.number().nonnegative()),
  /** How many kills no grant has followed yet. */
  unansweredKills: z.number().int().nonnegative(),
});

export type LoadTotals = z.output<typeof loadTotalsSchema>;

/** From the load process: a few times a second, after each failover, and a last time when it has ended. */
export const loadReportSchema = z.strictObject({
  kind: z.enum(['running', 'ended']),
  totals: loadTotalsSchema,
});

export type LoadReport = z.output<typeof loadReportSchema>;

/** Before anything has been seen. */
export const NO_LOAD: LoadTotals = {
  elapsedMs: 0,
  timestamps: 0,
  violations: 0,
  errors: {},
  failoverGapsMs: [],
  unansweredKills: 0,
};
