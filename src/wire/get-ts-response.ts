import { type Epoch, epochFromHalves, epochHalves } from '../consensus/index.js';
import { ProtoReader } from './proto-reader.js';
import { ProtoWriter } from './proto-writer.js';

/**
 * `message GetTsResponse { uint64 physical_ms = 1; uint32 logical_start = 2; uint32 count = 3; uint64
 * epoch_hi = 4; uint64 epoch_lo = 5; }`: `count` consecutive timestamps of one ms. The ranges are those of
 * the wire; the receiver judges whether the values make sense.
 */
export interface GetTsResponse {
  /** ms since the Unix epoch, within [0, 2^53 - 1]. */
  readonly physicalMs: number;
  /** The first logical value, within [0, 2^32 - 1]. */
  readonly logicalStart: number;
  /** How many, within [0, 2^32 - 1]. */
  readonly count: number;
  /** The leadership that granted them. */
  readonly epoch: Epoch;
}

/** @throws {InvalidInputError} if a number does not fit its field. */
export function encodeGetTsResponse(response: GetTsResponse): Uint8Array {
  const { hi, lo } = epochHalves(response.epoch);
  const writer = new ProtoWriter();
  writer.safeUint64(1, 'physicalMs', response.physicalMs);
  writer.uint32(2, 'logicalStart', response.logicalStart);
  writer.uint32(3, 'count', response.count);
  writer.uint64(4, 'epoch.hi', hi);
  writer.uint64(5, 'epoch.lo', lo);
  return writer.finish();
}

/** @throws {MalformedMessageError} if `bytes` is no such message, or `physical_ms` is above 2^53 - 1. */
export function decodeGetTsResponse(bytes: Uint8Array): GetTsResponse {
  const reader = new ProtoReader(bytes);
  let physicalMs = 0;
  let logicalStart = 0;
  let count = 0;
  let hi = 0n;
  let lo = 0n;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    switch (field) {
      case 1:
        physicalMs = reader.safeUint64();
        break;
      case 2:
        logicalStart = reader.uint32();
        break;
      case 3:
        count = reader.uint32();
        break;
      case 4:
        hi = reader.uint64();
        break;
      case 5:
        lo = reader.uint64();
        break;
      default:
        reader.skip();
    }
  }
  return { physicalMs, logicalStart, count, epoch: epochFromHalves({ hi, lo }) };
}
