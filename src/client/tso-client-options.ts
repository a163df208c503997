import { z } from 'zod';
import type { Clock, Logger, Random } from '../runtime/index.js';
import { formatEndpoint, parseEndpoint } from '../wire/index.js';

/** The longest deadline of a call, in ms: an hour. */
export const TIMEOUT_MS_MAX = 3_600_000;

const ms = (defaultMs: number) =>
  z
    .number()
    .min(1, 'must be at least 1')
    .max(TIMEOUT_MS_MAX, `must be at most ${TIMEOUT_MS_MAX}`)
    .default(defaultMs);
const whole = (min: number, max: number, defaultValue: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultValue);

const endpointSchema = z.string().transform((text, context) => {
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined && endpoint.port > 0) return formatEndpoint(endpoint);
  context.addIssue({
    code: 'custom',
    message: 'must be host:port with a port within [1, 65535] and no scheme',
  });
  return z.NEVER;
});

/** Guards everything of {@link TsoClientOptions} that is no seam, with the defaults. */
export const tsoClientSettingsSchema = z
  .strictObject({
    /**
     * The nodes' client endpoints, each `host:port` or `[ipv6]:port`: 1 to 64. Which of them leads is found
     * out.
     */
    endpoints: z
      .array(endpointSchema)
      .min(1, 'must name at least one endpoint')
      .max(64, 'must name at most 64 endpoints')
      .readonly(),
    /**
     * The deadline of a call over all its attempts, in ms, unless the call names its own. Within [1,
     * 3,600,000], default 5,000.
     */
    timeoutMs: ms(5_000),
    /**
     * How long one attempt at one endpoint, its connection included, may take, in ms; then the next endpoint
     * is asked. Within [1, 3,600,000], default 1,000. It should be far above a round trip: a leader that is
     * cut off is noticed after it.
     */
    attemptTimeoutMs: ms(1_000),
    /**
     * The first pause of an endpoint that has refused or failed, in ms; doubled at each further failure and
     * jittered by half. Within [1, 3,600,000], default 20.
     */
    retryDelayMs: ms(20),
    /** The longest such pause, in ms; at least `retryDelayMs`. Within [1, 3,600,000], default 100. */
    retryDelayMaxMs: ms(100),
    /**
     * How many calls may be under way; one beyond rejects with `too_many_calls`. Within [1, 2^20], default
     * 4,096.
     */
    maxConcurrentCalls: whole(1, 2 ** 20, 4_096),
    /**
     * How many endpoints that were not configured may be followed, when a node names one as the leader.
     * Within [0, 64], default 8.
     */
    maxHintedEndpoints: whole(0, 64, 8),
    /**
     * The largest response that is read, in bytes. A response takes at most 45, and others for fields that
     * are to come. Within [64, 2^20], default 1,024.
     */
    maxResponseBytes: whole(64, 2 ** 20, 1_024),
  })
  .refine((settings) => settings.retryDelayMaxMs >= settings.retryDelayMs, {
    path: ['retryDelayMaxMs'],
    message: 'must be at least retryDelayMs',
  });

/** The checked settings of a client. */
export type TsoClientSettings = z.output<typeof tsoClientSettingsSchema>;

/**
 * What a `TsoClient` is made of, and its settings; see {@link tsoClientSettingsSchema} for ranges and
 * defaults.
 */
export interface TsoClientOptions extends z.input<typeof tsoClientSettingsSchema> {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Jitters pauses and chooses where to begin. Default: the machine's randomness. */
  readonly random?: Random;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Bounds for one call. */
export interface TsoCallOptions {
  /** Ends the call with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The call's deadline over all its attempts, in ms, within [1, 3,600,000]. Default: the client's
   * `timeoutMs`.
   */
  readonly timeoutMs?: number | undefined;
}
