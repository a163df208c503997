import {
  type ByteReader,
  type ByteWriter,
  type Codecs,
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
  MalformedError,
  type ValueCodec,
} from '../../../src/index.js';
import type { KvCommand, KvContents } from './kv-store.js';

/** One log for both halves: an entry is a command of the store, or one of the oracle's. */
export type KvEntry = { readonly kv: KvCommand } | { readonly highWater: HighWaterCommand };

/** One snapshot for both halves. A log that has never carried the high-water has no second half. */
export interface KvSnapshot {
  readonly kv: KvContents;
  readonly highWater?: HighWaterSnapshot;
}

const KV = 1;
const HIGH_WATER = 2;

/** The log as it is written by the release that carries the high-water. It reads what the release before has written. */
export const kvCodecs: Codecs<KvEntry, KvSnapshot> = {
  entry: {
    encode(entry, writer) {
      if ('kv' in entry) return kvOnlyCodecs.entry.encode(entry, writer);
      writer.u8(HIGH_WATER);
      highWaterCommandCodec.encode(entry.highWater, writer);
    },
    decode: (reader) => decodeEntry(reader, true),
  },
  snapshot: {
    encode(snapshot, writer) {
      if (snapshot.highWater === undefined) return kvOnlyCodecs.snapshot.encode(snapshot, writer);
      writer.u8(HIGH_WATER);
      encodeContents(snapshot.kv, writer);
      highWaterSnapshotCodec.encode(snapshot.highWater, writer);
    },
    decode: (reader) => decodeSnapshot(reader, true),
  },
};

/** The log as it was before. This release must be gone from every node before the first high-water is proposed. */
export const kvOnlyCodecs: Codecs<KvEntry, KvSnapshot> = {
  entry: {
    encode(entry, writer) {
      if (!('kv' in entry)) throw new TypeError('this release knows nothing of the high-water');
      writer.u8(KV);
      kvCommandCodec.encode(entry.kv, writer);
    },
    decode: (reader) => decodeEntry(reader, false),
  },
  snapshot: {
    encode(snapshot, writer) {
      if (snapshot.highWater !== undefined)
        throw new TypeError('this release knows nothing of the high-water');
      writer.u8(KV);
      encodeContents(snapshot.kv, writer);
    },
    decode: (reader) => decodeSnapshot(reader, false),
  },
};

const PUT = 1;
const DELETE = 2;

const kvCommandCodec: ValueCodec<KvCommand> = {
  encode(command, writer) {
    writer.u8(command.kind === 'put' ? PUT : DELETE);
    writer.string(command.id);
    writer.string(command.key);
    if (command.kind === 'put') writer.string(command.value);
  },
  decode(reader) {
    const kind = reader.u8();
    const id = reader.string();
    const key = reader.string();
    if (kind === PUT) return { kind: 'put', id, key, value: reader.string() };
    if (kind === DELETE) return { kind: 'delete', id, key };
    throw new MalformedError(`a command of the store is of the unknown kind ${kind}`);
  },
};

function decodeEntry(reader: ByteReader, knowsHighWater: boolean): KvEntry {
  const kind = reader.u8();
  if (kind === KV) return { kv: kvCommandCodec.decode(reader) };
  if (kind === HIGH_WATER && knowsHighWater) return { highWater: highWaterCommandCodec.decode(reader) };
  throw new MalformedError(`an entry is of the unknown kind ${kind}`);
}

function decodeSnapshot(reader: ByteReader, knowsHighWater: boolean): KvSnapshot {
  const kind = reader.u8();
  if (kind === KV) return { kv: decodeContents(reader) };
  if (kind === HIGH_WATER && knowsHighWater) {
    return { kv: decodeContents(reader), highWater: highWaterSnapshotCodec.decode(reader) };
  }
  throw new MalformedError(`a snapshot is of the unknown kind ${kind}`);
}

function encodeContents(contents: KvContents, writer: ByteWriter): void {
  writer.u32(contents.length);
  for (const [key, value] of contents) {
    writer.string(key);
    writer.string(value);
  }
}

/** A pair takes eight bytes at least: the lengths of its two strings. */
const PAIR_BYTES_MIN = 8;

function decodeContents(reader: ByteReader): KvContents {
  const contents: [string, string][] = [];
  for (let left = reader.count(PAIR_BYTES_MIN); left > 0; left--) {
    contents.push([reader.string(), reader.string()]);
  }
  return contents;
}
