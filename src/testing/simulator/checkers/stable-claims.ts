import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { Ballot, Message, StableState } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;

/**
 * Judges each message as it leaves against what its sender's disk would show after a crash at this moment: whatever it claims must be
 * there.
 * @throws {InvariantViolation} if it is not.
 */
export function checkStableClaim(message: Message<HighWaterCommand, HighWaterSnapshot>, disk: Disk): void {
  const { body, configId, from } = message;
  // Whoever only asks for state takes no part yet.
  if (body.kind !== 'fetchDecided' && disk.config.configId < configId) {
    throw new InvariantViolation(
      'the entry into a configuration is durable before its node takes part in it',
      `node ${from} sends a ${body.kind} in configuration ${configId}, its disk is in ${disk.config.configId}`,
    );
  }
  switch (body.kind) {
    case 'prepare':
      requirePromise(from, body.kind, body.n, disk);
      return;
    case 'promise':
      requirePromise(from, body.kind, body.n, disk);
      requireAccepted(from, body.kind, body.nAccepted, body.acceptedIdx, disk);
      return;
    case 'accepted':
      requirePromise(from, body.kind, body.n, disk);
      requireAccepted(from, body.kind, body.n, body.acceptedIdx, disk);
      return;
    default:
      return;
  }
}

function requirePromise(from: number, kind: string, n: Ballot, disk: Disk): void {
  if (isAtLeast(disk.promise, n)) return;
  throw new InvariantViolation(
    'a promise is durable before it is claimed',
    `node ${from} sends a ${kind} of ballot ${key(n)}, its disk holds the promise ${key(disk.promise)}`,
  );
}

function requireAccepted(from: number, kind: string, n: Ballot, acceptedIdx: number, disk: Disk): void {
  const durableIdx = (disk.snapshot?.compactedIdx ?? 0) + disk.records.length;
  const isLater = isAtLeast(disk.acceptedRound, n) && key(disk.acceptedRound) !== key(n);
  if (isLater || (key(disk.acceptedRound) === key(n) && durableIdx >= acceptedIdx)) return;
  throw new InvariantViolation(
    'accepted records are durable before they are claimed',
    `node ${from} sends a ${kind} that claims ${acceptedIdx} in ballot ${key(n)}, its disk holds ${durableIdx} in ${key(disk.acceptedRound)}`,
  );
}

function key(n: Ballot): string {
  return `${n.configId}.${n.n}.${n.priority}.${n.pid}`;
}

/** Ballot order, written out anew: a checker shares no code with what it watches. */
function isAtLeast(a: Ballot, b: Ballot): boolean {
  for (const part of ['configId', 'n', 'priority', 'pid'] as const)
    if (a[part] !== b[part]) return a[part] > b[part];
  return true;
}
