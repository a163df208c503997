import { InvalidInputError } from '../errors/index.js';
import type { ClusterConfig, ConfigAhead, DecidedSync, FetchDecided } from '../omnipaxos/index.js';
import { readBallot, writeBallot } from './ballot-codec.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { CLUSTER_CONFIG_BYTES_MIN, readClusterConfig, writeClusterConfig } from './cluster-config-codec.js';
import { readLogRecords, readOptionalSnapshot, writeLogRecords, writeOptionalSnapshot } from './log-codec.js';
import { MalformedError } from './malformed-error.js';
import type { Codecs } from './value-codec.js';

export function writeConfigAhead(writer: ByteWriter, body: ConfigAhead): void {
  if (!isAscending(body.configs)) {
    throw new InvalidInputError('configs', body.configs, 'must ascend by configId');
  }
  writer.u32(body.configs.length, 'configs.length');
  body.configs.forEach((config, i) => {
    writeClusterConfig(writer, config, `configs.${i}`);
  });
  writer.u64(body.decidedIdx, 'decidedIdx');
  writer.u64(body.compactedIdx, 'compactedIdx');
}

export function readConfigAhead(reader: ByteReader): ConfigAhead {
  const count = reader.count(CLUSTER_CONFIG_BYTES_MIN);
  const configs: ClusterConfig[] = [];
  for (let i = 0; i < count; i++) configs.push(readClusterConfig(reader));
  if (!isAscending(configs)) throw new MalformedError('configs do not ascend by configId');
  return { kind: 'configAhead', configs, decidedIdx: reader.u64(), compactedIdx: reader.u64() };
}

export function writeFetchDecided(writer: ByteWriter, body: FetchDecided): void {
  writer.u64(body.fromIdx, 'fromIdx');
}

export function readFetchDecided(reader: ByteReader): FetchDecided {
  return { kind: 'fetchDecided', fromIdx: reader.u64() };
}

export function writeDecidedSync<E, S>(
  writer: ByteWriter,
  body: DecidedSync<E, S>,
  codecs: Codecs<E, S>,
): void {
  writeBallot(writer, body.promise, 'promise');
  writeOptionalSnapshot(writer, body.snapshot, codecs.snapshot);
  writer.u64(body.fromIdx, 'fromIdx');
  writeLogRecords(writer, body.records, codecs.entry);
  writeClusterConfig(writer, body.config);
}

export function readDecidedSync<E, S>(reader: ByteReader, codecs: Codecs<E, S>): DecidedSync<E, S> {
  return {
    kind: 'decidedSync',
    promise: readBallot(reader),
    ...readOptionalSnapshot(reader, codecs.snapshot),
    fromIdx: reader.u64(),
    records: readLogRecords(reader, codecs.entry),
    config: readClusterConfig(reader),
  };
}

function isAscending(configs: readonly ClusterConfig[]): boolean {
  return configs.every((config, i) => {
    const previous = configs[i - 1];
    return previous === undefined || previous.configId < config.configId;
  });
}
