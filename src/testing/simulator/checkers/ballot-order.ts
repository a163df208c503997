import type { Ballot } from '../../../omnipaxos/index.js';

// Written out anew: a checker shares no code with what it watches.

/** Two ballots are the same exactly if their texts are. */
export function ballotText(n: Ballot): string {
  return `${n.configId}.${n.n}.${n.priority}.${n.pid}`;
}

/** By configId, then n, then priority, then pid. */
export function isBallotAtLeast(a: Ballot, b: Ballot): boolean {
  for (const part of ['configId', 'n', 'priority', 'pid'] as const)
    if (a[part] !== b[part]) return a[part] > b[part];
  return true;
}
