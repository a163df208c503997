import { InvalidInputError, parseInput } from '../errors/index.js';
import { type Clock, silentLogger, systemClock, systemRandom } from '../runtime/index.js';
import { parseEndpoint } from '../wire/index.js';
import type { GrantedRange } from './granted-range.js';
import { RangeRequests } from './range-requests.js';
import {
  type TsoCallOptions,
  type TsoClientOptions,
  type TsoClientSettings,
  tsoClientSettingsSchema,
} from './tso-client-options.js';
import { UnaryChannel } from './unary-channel.js';

/**
 * A client of the timestamp service `tsoracle.v1.TsoService`. It finds the leader by itself, follows it
 * through failovers, and keeps one connection per endpoint, shared by all calls. Any number of calls may be
 * under way side by side.
 *
 * **Order.** A timestamp is greater than every timestamp that this client, or anybody, had received before
 * the call began. Calls that overlap are in no particular order, but none is given what another one is.
 *
 * **Retries.** A call goes on until its deadline through refusals, lost connections and elections. A
 * timestamp that was granted and whose answer was lost is never returned to anybody; nothing is granted
 * twice.
 *
 * Every call rejects with a {@link TsoClientError}, with the reason of its caller's signal if that is
 * aborted, or with an `InvalidInputError` for an argument out of range. An open connection keeps the process
 * alive: close the client.
 */
export class TsoClient implements AsyncDisposable {
  readonly #requests: RangeRequests;

  /**
   * Nothing is connected before the first call.
   * @throws {InvalidInputError} for a setting out of range, by name.
   */
  constructor(options: TsoClientOptions) {
    const { clock = systemClock, random = systemRandom, logger = silentLogger, ...input } = options;
    const settings = parseInput(tsoClientSettingsSchema, input, 'TsoClient options');
    this.#requests = new RangeRequests({
      settings,
      clock,
      random,
      logger,
      openChannel: (endpoint) => openChannel(endpoint, settings, clock),
    });
  }

  /** The leader of the last grant, unless it has failed since. */
  get leader(): { readonly endpoint: string; readonly epoch: bigint } | undefined {
    return this.#requests.leader;
  }

  /** How many calls are under way. */
  get callsUnderWay(): number {
    return this.#requests.callsUnderWay;
  }

  /** One timestamp: `physicalMs << 18 | logical`, 64 bits. */
  async getTimestamp(options: TsoCallOptions = {}): Promise<bigint> {
    return (await this.#requests.request(1, options)).first;
  }

  /**
   * `count` consecutive timestamps, ascending; never fewer. For many, {@link getTimestampRange} spares the
   * array.
   * @param count a whole number within [1, 262144].
   */
  async getTimestamps(count: number, options: TsoCallOptions = {}): Promise<bigint[]> {
    const { first } = await this.#requests.request(count, options);
    return Array.from({ length: count }, (_, index) => first + BigInt(index));
  }

  /**
   * `count` consecutive timestamps, as a range; never fewer.
   * @param count a whole number within [1, 262144].
   */
  getTimestampRange(count: number, options: TsoCallOptions = {}): Promise<GrantedRange> {
    return this.#requests.request(count, options);
  }

  /**
   * Ends all calls under way (code `closed`) and all connections; resolves when nothing of them is left,
   * except that the lookup of a name ends by itself. Idempotent; it never rejects.
   */
  close(): Promise<void> {
    return this.#requests.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function openChannel(address: string, settings: TsoClientSettings, clock: Clock): UnaryChannel {
  const endpoint = parseEndpoint(address);
  if (endpoint === undefined) throw new InvalidInputError('endpoint', address, 'must be host:port');
  const { attemptTimeoutMs: silenceMs, maxResponseBytes } = settings;
  return new UnaryChannel({ endpoint, clock, silenceMs, maxResponseBytes });
}
