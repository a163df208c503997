import { ProtoReader } from './proto-reader.js';
import { ProtoWriter } from './proto-writer.js';

/** `message GetTsRequest { uint32 count = 1; }`: the plea for `count` consecutive timestamps. */
export interface GetTsRequest {
  /** As the wire has it, within [0, 2^32 - 1]; whether it may be asked for is the server's business. */
  readonly count: number;
}

/** @throws {InvalidInputError} if `count` is no uint32. */
export function encodeGetTsRequest(request: GetTsRequest): Uint8Array {
  const writer = new ProtoWriter();
  writer.uint32(1, 'count', request.count);
  return writer.finish();
}

/** @throws {MalformedMessageError} if `bytes` is no such message. */
export function decodeGetTsRequest(bytes: Uint8Array): GetTsRequest {
  const reader = new ProtoReader(bytes);
  let count = 0;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) count = reader.uint32();
    else reader.skip();
  }
  return { count };
}
