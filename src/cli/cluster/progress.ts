import { toEpoch } from '../../consensus/index.js';
import { ballotFromEpoch } from '../../high-water/index.js';
import { formatBallot } from '../../omnipaxos/index.js';
import type { Clock } from '../../runtime/index.js';
import type { ClusterLayout } from './layout.js';
import type { Verdict } from './verdict.js';

/** The facts of one line of progress. */
export interface ProgressLine {
  readonly leaderId: number | undefined;
  readonly epoch: bigint | undefined;
  readonly highWater: number;
  readonly decidedIdx: number;
  readonly timestampsPerSecond: number;
  readonly failovers: number;
}

export interface ProgressOptions {
  readonly write: (line: string) => void;
  /** Whether lines may carry colours. */
  readonly colours: boolean;
  readonly clock: Clock;
}

/**
 * Styles of a terminal, as the parameter of its SGR sequence; whether there is a terminal is the caller's to
 * know.
 */
const SGR = { plain: 0, dim: 2, red: 31, green: 32, yellow: 33 } as const;

type Style = keyof typeof SGR;

/** Tells people how a local cluster fares: lines of text, coloured on a terminal. */
export class Progress {
  readonly #write: (line: string) => void;
  readonly #colours: boolean;
  readonly #clock: Clock;
  readonly #beganMs: number;

  constructor({ write, colours, clock }: ProgressOptions) {
    this.#write = write;
    this.#colours = colours;
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
  }

  /** The clients have their first grant: what is measured, and the duration asked for, count from now on. */
  loadBegins(): void {
    this.event('clients are served: the run begins');
  }

  layout({ dataDir, temporary, nodes }: ClusterLayout): void {
    this.#line(
      `${plural(nodes.length, 'node')} on this machine, data in ${dataDir}${temporary ? ' (removed at the end)' : ''}`,
    );
    for (const { nodeId, clientEndpoint, peerAddress } of nodes) {
      this.#line(`  node ${nodeId}: clients at ${clientEndpoint}, peers at ${peerAddress}`);
    }
  }

  /** One line a second. */
  second(line: ProgressLine): void {
    const leader = line.leaderId === undefined ? 'none' : String(line.leaderId);
    const epoch = line.epoch === undefined ? '-' : formatEpoch(line.epoch);
    const text = [
      `leader ${leader.padEnd(4)}`,
      `epoch ${epoch.padEnd(9)}`,
      `high-water ${line.highWater}`,
      `decided ${String(line.decidedIdx).padEnd(6)}`,
      `${formatCount(line.timestampsPerSecond).padStart(7)} timestamps/s`,
      `failovers ${line.failovers}`,
    ].join('  ');
    this.#line(`${this.#stamp()}  ${text}`, line.leaderId === undefined ? 'yellow' : 'plain');
  }

  /** Something that has just happened. */
  event(text: string): void {
    this.#line(`${this.#stamp()}  ${text}`, 'dim');
  }

  /** Something that should not have happened. */
  failure(text: string): void {
    this.#line(`${this.#stamp()}  ${text}`, 'red');
  }

  /** The end of a run. */
  verdict({
    ok,
    timestamps,
    timestampsPerSecond,
    violations,
    failovers,
    failoverMs,
    errors,
    failures,
  }: Verdict): void {
    const gaps = failoverMs === null ? '' : ` (p50 ${failoverMs.p50} ms, max ${failoverMs.max} ms)`;
    const errorCounts = Object.entries(errors).map(([code, count]) => `${formatCount(count)} ${code}`);
    const parts = [
      ok ? 'ok' : 'NOT OK',
      `${formatCount(timestamps)} timestamps (${formatCount(timestampsPerSecond)}/s)`,
      plural(violations, 'violation'),
      `${plural(failovers, 'failover')}${gaps}`,
      `errors: ${errorCounts.length === 0 ? 'none' : errorCounts.join(', ')}`,
    ];
    this.#line(parts.join(', '), ok ? 'green' : 'red');
    for (const failure of failures) this.#line(`  ${failure}`, 'red');
  }

  #stamp(): string {
    const seconds = (this.#clock.monotonicMs() - this.#beganMs) / 1000;
    return `${seconds.toFixed(1).padStart(6)} s`;
  }

  #line(text: string, style: Style = 'plain'): void {
    this.#write(this.#colours && style !== 'plain' ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text);
  }
}

/** An epoch as the ballot that it stands for: `configId.n.priority.pid`. */
export function formatEpoch(epoch: bigint): string {
  return formatBallot(ballotFromEpoch(toEpoch(epoch)));
}

function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
