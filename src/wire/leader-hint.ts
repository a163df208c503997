import { type Epoch, type EpochHalves, epochFromHalves, epochHalves } from '../consensus/index.js';
import { ProtoReader } from './proto-reader.js';
import { ProtoWriter } from './proto-writer.js';

/**
 * `message LeaderHint { optional string leader_endpoint = 1; optional EpochWire leader_epoch = 2; }`, with
 * `message EpochWire { uint64 hi = 1; uint64 lo = 2; }`: what a node that does not lead knows of the one that
 * does.
 */
export interface LeaderHint {
  /** Where the leader's clients reach it. Only a text: whoever follows it must check it. */
  readonly leaderEndpoint?: string;
  readonly leaderEpoch?: Epoch;
}

export function encodeLeaderHint(hint: LeaderHint): Uint8Array {
  const writer = new ProtoWriter();
  if (hint.leaderEndpoint !== undefined) writer.presentString(1, hint.leaderEndpoint);
  if (hint.leaderEpoch !== undefined) writer.presentMessage(2, epochWriter(hint.leaderEpoch));
  return writer.finish();
}

/** @throws {MalformedMessageError} if `bytes` is no such message. */
export function decodeLeaderHint(bytes: Uint8Array): LeaderHint {
  const reader = new ProtoReader(bytes);
  let leaderEndpoint: string | undefined;
  let halves: EpochHalves | undefined;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    switch (field) {
      case 1:
        leaderEndpoint = reader.string();
        break;
      case 2:
        // A message field that comes twice is merged, field by field.
        halves = readEpoch(reader.message(), halves ?? { hi: 0n, lo: 0n });
        break;
      default:
        reader.skip();
    }
  }
  return {
    ...(leaderEndpoint === undefined ? {} : { leaderEndpoint }),
    ...(halves === undefined ? {} : { leaderEpoch: epochFromHalves(halves) }),
  };
}

function epochWriter(epoch: Epoch): ProtoWriter {
  const { hi, lo } = epochHalves(epoch);
  const writer = new ProtoWriter();
  writer.uint64(1, 'leaderEpoch.hi', hi);
  writer.uint64(2, 'leaderEpoch.lo', lo);
  return writer;
}

function readEpoch(reader: ProtoReader, before: EpochHalves): EpochHalves {
  let { hi, lo } = before;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) hi = reader.uint64();
    else if (field === 2) lo = reader.uint64();
    else reader.skip();
  }
  return { hi, lo };
}
