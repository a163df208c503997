export { BALLOT_BYTES, readBallot, readNodeId, writeBallot, writeNodeId } from './ballot-codec.js';
export { ByteReader } from './byte-reader.js';
export { ByteWriter } from './byte-writer.js';
export { readClusterConfig, writeClusterConfig } from './cluster-config-codec.js';
export { CODEC_VERSION } from './codec-version.js';
export {
  readLogRecord,
  readLogRecords,
  readLogSync,
  readOptionalSnapshot,
  readSnapshot,
  writeLogRecord,
  writeLogRecords,
  writeLogSync,
  writeOptionalSnapshot,
  writeSnapshot,
} from './log-codec.js';
export { MalformedError } from './malformed-error.js';
export { decodeMessage, encodeMessage, readMessage, writeMessage } from './message-codec.js';
export {
  decodeStableWrite,
  encodeStableWrite,
  readStableWrite,
  writeAppendWithin,
  writeStableWrite,
} from './stable-write-codec.js';
export {
  bytesCodec,
  type Codecs,
  encodedBytes,
  readValue,
  type ValueCodec,
  writeValue,
} from './value-codec.js';
