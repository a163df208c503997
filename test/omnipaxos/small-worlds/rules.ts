import { type Ballot, compareBallots, formatBallot } from '../../../src/omnipaxos/index.js';
import { isPrefix, type Observation } from './node-life.js';

interface Chosen {
  readonly round: Ballot;
  readonly entries: readonly string[];
}

const WRITE_QUORUM = 2;

/** What a state breaks, in words. Votes and decisions are those of all history, so nothing is forgotten with a crash. */
export function brokenRule(nodes: readonly Observation[]): string | undefined {
  const fault = nodes.find((node) => node.fault !== undefined)?.fault;
  if (fault !== undefined) return fault;
  const longest = nodes.map(({ decided }) => decided).reduce(longer);
  if (!nodes.every(({ decided }) => isPrefix(decided, longest))) return 'two nodes have decided differently';
  if (nodes.filter(({ disk }) => isPrefix(longest, disk)).length < WRITE_QUORUM)
    return 'a decided entry is not durable on a write quorum';
  const ballots = nodes.flatMap(({ led }) => led).map((led) => led.split(' ')[0]);
  if (new Set(ballots).size < ballots.length) return 'one ballot was led twice';
  return brokenByVotes(nodes, longest);
}

function brokenByVotes(nodes: readonly Observation[], decided: readonly string[]): string | undefined {
  const chosen: Chosen[] = [];
  for (const [index, node] of nodes.entries()) {
    for (const a of node.votes) {
      for (const b of nodes.slice(index + 1).flatMap(({ votes }) => votes)) {
        if (compareBallots(a.round, b.round) !== 0) continue;
        const [short, long] = a.entries.length < b.entries.length ? [a, b] : [b, a];
        if (!isPrefix(short.entries, long.entries))
          return `two nodes have accepted different logs in round ${formatBallot(a.round)}`;
        // Two of three are a write quorum: what both have accepted in one round is chosen for ever.
        chosen.push({ round: a.round, entries: short.entries });
      }
    }
  }
  const longest = chosen.map(({ entries }) => entries).reduce(longer, []);
  if (!isPrefix(decided, longest))
    return 'an entry is decided that no write quorum has accepted in one round';
  if (!chosen.every(({ entries }) => isPrefix(entries, longest)))
    return 'different entries are chosen at one index';
  for (const { round, entries } of chosen) {
    for (const { votes, ballot, log } of nodes) {
      if (votes.some((vote) => compareBallots(vote.round, round) > 0 && !isPrefix(entries, vote.entries)))
        return 'a log accepted in a higher round lacks a chosen entry';
      if (ballot !== undefined && compareBallots(ballot, round) >= 0 && !isPrefix(entries, log))
        return 'a leader lacks a chosen entry';
    }
  }
  return undefined;
}

function longer(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.length > a.length ? b : a;
}
