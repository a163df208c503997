import { z } from 'zod';
import type { Clock, Logger } from '../runtime/index.js';
import { parseEndpoint } from '../wire/index.js';
import type { TimestampGranter } from './timestamp-granter.js';

const whole = (min: number, max: number, defaultValue: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultValue);

/** Guards everything of {@link TsoServerOptions} that is no seam, with the defaults. */
export const tsoServerSettingsSchema = z.strictObject({
  /** Where to listen: `host:port` or `[ipv6]:port`, without a scheme. Port 0 takes any free one. */
  listen: z.string().transform((text, context) => {
    const endpoint = parseEndpoint(text);
    if (endpoint !== undefined) return endpoint;
    context.addIssue({
      code: 'custom',
      message: 'must be host:port with a port within [0, 65535] and no scheme',
    });
    return z.NEVER;
  }),
  /**
   * How many requests of all clients may be under way; one beyond is answered with UNAVAILABLE. Within [1,
   * 2^20], default 4,096.
   */
  maxConcurrentRequests: whole(1, 2 ** 20, 4_096),
  /** How many connections may be open; one beyond is closed at once. Within [1, 65,536], default 1,024. */
  maxConnections: whole(1, 65_536, 1_024),
  /**
   * The longest that a request may wait for its grant, in ms, whatever its own deadline is. Within [1,
   * 3,600,000], default 5,000.
   */
  grantTimeoutMs: whole(1, 3_600_000, 5_000),
  /**
   * The largest request, in bytes; one beyond is refused. A request takes at most 6, and others for fields
   * that are to come. Within [64, 2^20], default 1,024.
   */
  maxRequestBytes: whole(64, 2 ** 20, 1_024),
  /**
   * After how long without a sign of a client it is asked for one, in ms; one that stays silent as long again
   * is dropped. Within [1,000, 86,400,000], default 30,000.
   */
  keepaliveMs: whole(1_000, 86_400_000, 30_000),
});

/** The checked settings of a server. */
export type TsoServerSettings = z.output<typeof tsoServerSettingsSchema>;

/**
 * What a `TsoServer` is made of, and its settings; see {@link tsoServerSettingsSchema} for ranges and
 * defaults.
 */
export interface TsoServerOptions extends z.input<typeof tsoServerSettingsSchema> {
  /** What grants the timestamps. It stays open when the server closes. */
  readonly oracle: TimestampGranter;
  /**
   * Default: the machine's clock. The deadlines of calls that the gRPC library reads are those of the
   * machine's clock in any case.
   */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** How a server is closed. */
export interface TsoServerCloseOptions {
  /**
   * How long requests under way may go on, in ms; then their connections are cut. At least 0, default 1,000.
   */
  readonly graceMs?: number;
}
