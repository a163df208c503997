import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { Ballot, Message, StableState } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import { ballotText, isBallotAtLeast } from './ballot-order.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;

/**
 * Judges each message as it leaves against what its sender's disk would show after a crash at this moment: whatever it claims must be
 * there. Invariant 5.
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
  if (isBallotAtLeast(disk.promise, n)) return;
  throw new InvariantViolation(
    'a promise is durable before it is claimed',
    `node ${from} sends a ${kind} of ballot ${ballotText(n)}, its disk holds the promise ${ballotText(disk.promise)}`,
  );
}

function requireAccepted(from: number, kind: string, n: Ballot, acceptedIdx: number, disk: Disk): void {
  const durableIdx = (disk.snapshot?.compactedIdx ?? 0) + disk.records.length;
  const isLater = isBallotAtLeast(disk.acceptedRound, n) && ballotText(disk.acceptedRound) !== ballotText(n);
  if (isLater || (ballotText(disk.acceptedRound) === ballotText(n) && durableIdx >= acceptedIdx)) return;
  throw new InvariantViolation(
    'accepted records are durable before they are claimed',
    `node ${from} sends a ${kind} that claims ${acceptedIdx} in ballot ${ballotText(n)}, its disk holds ${durableIdx} in ${ballotText(disk.acceptedRound)}`,
  );
}
