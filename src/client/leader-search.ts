import type { Epoch } from '../consensus/index.js';
import type { Clock, Logger, Random, Timer } from '../runtime/index.js';
import { type EndpointEntry, EndpointTable } from './endpoint-table.js';
import { LeaderBelief } from './leader-belief.js';

export interface LeaderSearchOptions {
  /** The configured endpoints, at least one. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The first pause of an endpoint that has refused or failed, in ms; doubled at each failure in a row. */
  readonly retryDelayMs: number;
  /** The longest such pause, in ms. */
  readonly retryDelayMaxMs: number;
  /** How many endpoints learnt from hints are kept. */
  readonly maxHintedEndpoints: number;
  /** Told when an endpoint learnt from a hint has given way to another one. */
  readonly onForgotten: (endpoint: string) => void;
}

/** A checked hint. */
export interface CheckedHint {
  readonly endpoint: string;
  readonly epoch: Epoch | undefined;
}

/** The right to make one attempt at one endpoint. It ends with the first report; later ones do nothing. */
export interface Turn {
  readonly endpoint: string;
  granted(epoch: Epoch): void;
  notLeader(hint: CheckedHint | undefined): void;
  failed(): void;
  /**
   * It has said nothing for `waitedMs`: it is left in peace for about as long, so that it takes no more than
   * half of anybody's time.
   */
  silent(waitedMs: number): void;
  /** Nobody waits for the attempt any more; it says nothing of the endpoint. */
  abandoned(): void;
}

interface Waiting {
  readonly resolve: (turn: Turn) => void;
}

/**
 * Decides which endpoint the calls of one client ask next.
 *
 * - While a leader is confirmed, every call asks it, at once.
 * - Else the endpoints are probed: first the one that is believed to lead, then the one last named without an
 *   epoch, then the others in turn; one attempt at a time each, by whichever call has waited longest. The
 *   other calls wait for what that one finds out. So a cluster without a leader is asked a few times in a
 *   retry delay, however many calls wait, and no refusal sends a herd to anybody (C01).
 * - An endpoint that has refused or failed rests for a jittered, growing, bounded delay.
 */
export class LeaderSearch {
  readonly #options: LeaderSearchOptions;
  readonly #belief = new LeaderBelief();
  readonly #table: EndpointTable;
  /** Calls without a turn, the longest waiting first. Bounded by the number of calls. */
  readonly #waiting = new Set<Waiting>();
  #suggested: string | undefined;
  #cursor: number;
  #timer: Timer | undefined;

  constructor(options: LeaderSearchOptions) {
    this.#options = options;
    this.#table = new EndpointTable(options.endpoints, options.maxHintedEndpoints, options.onForgotten);
    // Many clients that begin at once begin at different endpoints.
    this.#cursor = Math.floor(options.random.nextFloat() * this.#table.configured.length);
  }

  /** The confirmed leader. */
  get leader(): { readonly endpoint: string; readonly epoch: Epoch } | undefined {
    const { endpoint, epoch, isConfirmed } = this.#belief;
    return isConfirmed && endpoint !== undefined && epoch !== undefined ? { endpoint, epoch } : undefined;
  }

  /** How many calls wait for a turn. */
  get waitingCalls(): number {
    return this.#waiting.size;
  }

  /**
   * A turn at the right endpoint, as soon as there is one. Rejects with the signal's reason, if that is
   * aborted before.
   */
  async next(signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const turn = this.#pick();
    if (turn !== undefined) return turn;
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiting);
        this.#serve();
        reject(signal.reason);
      };
      const waiting: Waiting = {
        resolve: (given) => {
          signal.removeEventListener('abort', onAbort);
          resolve(given);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#armTimer();
    });
  }

  /** Gives the calls that wait their turns, as far as there are any. */
  #serve(): void {
    for (const waiting of this.#waiting) {
      const turn = this.#pick();
      if (turn === undefined) break;
      this.#waiting.delete(waiting);
      waiting.resolve(turn);
    }
    this.#armTimer();
  }

  #pick(): Turn | undefined {
    const { leader } = this;
    const confirmed = leader === undefined ? undefined : this.#table.find(leader.endpoint);
    if (confirmed !== undefined) return this.#turn(confirmed);
    return this.#pickNamed(this.#belief.endpoint) ?? this.#pickSuggested() ?? this.#pickInTurn();
  }

  #pickNamed(address: string | undefined): Turn | undefined {
    const entry = address === undefined ? undefined : this.#table.find(address);
    return entry !== undefined && this.#isFree(entry) ? this.#turn(entry) : undefined;
  }

  #pickSuggested(): Turn | undefined {
    const turn = this.#pickNamed(this.#suggested);
    if (turn !== undefined) this.#suggested = undefined;
    return turn;
  }

  #pickInTurn(): Turn | undefined {
    const { configured } = this.#table;
    for (let step = 0; step < configured.length; step++) {
      const index = (this.#cursor + step) % configured.length;
      const entry = configured[index];
      if (entry === undefined || !this.#isFree(entry)) continue;
      this.#cursor = index + 1;
      return this.#turn(entry);
    }
    return undefined;
  }

  #isFree({ busy, restUntilMs }: EndpointEntry): boolean {
    return busy === 0 && restUntilMs <= this.#options.clock.monotonicMs();
  }

  #turn(entry: EndpointEntry): Turn {
    const { version } = this.#belief;
    const { address, failures } = entry;
    entry.busy += 1;
    let isOver = false;
    const end = (report: () => void): void => {
      if (isOver) return;
      isOver = true;
      entry.busy -= 1;
      report();
      this.#serve();
    };
    return {
      endpoint: address,
      granted: (epoch) => end(() => this.#granted(entry, epoch)),
      notLeader: (hint) =>
        end(() => {
          this.#rest(entry, failures, this.#growingDelayMs(entry));
          this.#belief.denied(address, version);
          if (hint !== undefined && hint.endpoint !== address) this.#follow(hint);
        }),
      failed: () => end(() => this.#failed(entry, version, this.#growingDelayMs(entry), failures)),
      silent: (waitedMs) =>
        end(() => this.#failed(entry, version, Math.max(waitedMs, this.#growingDelayMs(entry)), failures)),
      abandoned: () => end(() => {}),
    };
  }

  #granted(entry: EndpointEntry, epoch: Epoch): void {
    if (!this.#belief.granted(entry.address, epoch)) return;
    this.#suggested = undefined;
    for (const each of this.#table) {
      each.failures = 0;
      each.restUntilMs = Number.NEGATIVE_INFINITY;
    }
    this.#options.logger.info({ endpoint: entry.address, epoch: String(epoch) }, 'the leader was found');
  }

  #failed(entry: EndpointEntry, version: number, delayMs: number, failuresBefore: number): void {
    this.#rest(entry, failuresBefore, delayMs);
    this.#belief.failed(entry.address, version);
  }

  #follow({ endpoint, epoch }: CheckedHint): void {
    if (epoch !== undefined && !this.#belief.isNews(epoch)) return;
    // The endpoint believed in so far need not be kept if this one takes its place.
    const keep = epoch === undefined ? this.#belief.endpoint : undefined;
    if (this.#table.admit(endpoint, keep) === undefined) {
      this.#options.logger.warn({ endpoint }, 'a hint was ignored: too many endpoints were named already');
    } else if (epoch === undefined) this.#suggested = endpoint;
    else this.#belief.hinted(endpoint, epoch);
  }

  #growingDelayMs({ failures }: EndpointEntry): number {
    const { retryDelayMs, retryDelayMaxMs } = this.#options;
    return Math.min(retryDelayMaxMs, retryDelayMs * 2 ** Math.min(failures, 30));
  }

  /**
   * Lets an endpoint rest for between half of `delayMs` and all of it, so that clients which failed together
   * do not come back together. Attempts that were under way side by side count as one failure:
   * `failuresBefore` is what the endpoint had when this one began.
   */
  #rest(entry: EndpointEntry, failuresBefore: number, delayMs: number): void {
    if (entry.failures !== failuresBefore) return;
    const { clock, random } = this.#options;
    entry.failures += 1;
    entry.restUntilMs = clock.monotonicMs() + delayMs * (0.5 + random.nextFloat() / 2);
  }

  /**
   * Wakes the longest waiting call when the next endpoint has rested. Without a call that waits there is no
   * timer.
   */
  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#table) {
      if (entry.busy === 0 && this.#mayBeProbed(entry)) dueMs = Math.min(dueMs, entry.restUntilMs);
    }
    // Every endpoint is being asked: the end of that attempt wakes the next call.
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, dueMs - this.#options.clock.monotonicMs());
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#serve());
  }

  #mayBeProbed({ address, isConfigured }: EndpointEntry): boolean {
    return isConfigured || address === this.#belief.endpoint || address === this.#suggested;
  }
}
