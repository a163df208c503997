import type { LoadTotals } from '../load/load-messages.js';

/** What a run of the local cluster has come to: the last line of `tsoracle cluster --json`. */
export interface Verdict {
  /** Whether nothing is in `failures`. */
  readonly ok: boolean;
  readonly nodes: number;
  /** Timestamps received by all clients together. */
  readonly timestamps: number;
  /** Grants that broke the order promised to clients, as counted by the client process alone. */
  readonly violations: number;
  /** How often the leadership passed to a new epoch after the first one. */
  readonly failovers: number;
  /** How often a node was killed: the leader only, unless there was chaos. */
  readonly kills: number;
  /** How often a node was ready again, from its disk, after it had ended. */
  readonly restarts: number;
  /** How often a node's process was stopped and went on later. */
  readonly pauses: number;
  /** From the last grant before a kill of the leader to the first one after it, in whole ms; null without such a kill. */
  readonly failoverMs: { readonly p50: number; readonly max: number } | null;
  /** Failed calls by the name of their gRPC status. */
  readonly errors: Readonly<Record<string, number>>;
  readonly timestampsPerSecond: number;
  /** The highest high-water that any node told, in ms since the Unix epoch. */
  readonly highWater: number;
  /** The highest decided index that any node told. */
  readonly decidedIdx: number;
  /** How often a process of the cluster ended without being asked to. */
  readonly unexpectedExits: number;
  /** Processes whose end was not seen. */
  readonly unreaped: number;
  /** Why the run is not ok, a sentence each. */
  readonly failures: readonly string[];
  /** What the faults were drawn from; absent without chaos. */
  readonly seed?: number;
}

/** The facts that a verdict is made of. */
export interface RunFacts {
  readonly nodes: number;
  readonly load: LoadTotals;
  readonly failovers: number;
  readonly kills: number;
  /** Those of them that were kills of the leader, each to be followed by a grant. */
  readonly leaderKills: number;
  readonly restarts: number;
  readonly pauses: number;
  readonly highWater: number;
  readonly decidedIdx: number;
  readonly unexpectedExits: number;
  readonly unreaped: number;
  /** Why the run had to end, if it could not go on. */
  readonly breakdown?: string | undefined;
  /** What the faults were drawn from, if there was chaos. */
  readonly seed?: number | undefined;
}

/** Errors that clients may see while a leader is being replaced. */
const TOLERATED_ERRORS: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'FAILED_PRECONDITION',
  'DEADLINE_EXCEEDED',
]);

/** Judges a run. */
export function judge(facts: RunFacts): Verdict {
  const { nodes, load, failovers, kills, restarts, pauses } = facts;
  const { highWater, decidedIdx, unexpectedExits, unreaped, seed } = facts;
  const failures = failuresOf(facts);
  return {
    ok: failures.length === 0,
    nodes,
    timestamps: load.timestamps,
    violations: load.violations,
    failovers,
    kills,
    restarts,
    pauses,
    failoverMs: summarise(load.failoverGapsMs),
    errors: load.errors,
    timestampsPerSecond: load.elapsedMs > 0 ? Math.round((load.timestamps * 1000) / load.elapsedMs) : 0,
    highWater,
    decidedIdx,
    unexpectedExits,
    unreaped,
    failures,
    ...(seed === undefined ? {} : { seed }),
  };
}

function failuresOf(facts: RunFacts): readonly string[] {
  const { load, leaderKills, unexpectedExits, unreaped, breakdown } = facts;
  const failures: string[] = [];
  if (breakdown !== undefined) failures.push(breakdown);
  if (load.violations > 0) failures.push(`grants out of order or granted twice: ${load.violations}`);
  if (load.timestamps === 0) failures.push('no timestamp was granted');
  const unanswered = leaderKills - load.failoverGapsMs.length;
  if (unanswered > 0) failures.push(`kills without a grant after them: ${unanswered} of ${leaderKills}`);
  if (unexpectedExits > 0) failures.push(`processes that ended without being asked to: ${unexpectedExits}`);
  if (unreaped > 0) failures.push(`processes whose end was not seen: ${unreaped}`);
  for (const [code, count] of Object.entries(load.errors)) {
    if (!TOLERATED_ERRORS.has(code)) failures.push(`calls that failed with ${code}: ${count}`);
  }
  return failures;
}

/** The median (the lower one of an even number) and the maximum, in whole ms. */
function summarise(gapsMs: readonly number[]): Verdict['failoverMs'] {
  const sorted = gapsMs.toSorted((left, right) => left - right);
  const p50 = sorted[Math.ceil(sorted.length / 2) - 1];
  const max = sorted.at(-1);
  return p50 === undefined || max === undefined ? null : { p50: Math.round(p50), max: Math.round(max) };
}
