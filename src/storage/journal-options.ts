import { z } from 'zod';
import type { ValueCodec } from '../codec/index.js';
import { InvalidInputError, parseInput } from '../errors/index.js';
import { type ClusterConfig, clusterConfigSchema, type NodeId, nodeIdSchema } from '../omnipaxos/index.js';
import { type Logger, type Random, silentLogger, systemRandom } from '../runtime/index.js';
import type { FileSystem } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';
import { nodeProcessInfo, type ProcessInfo } from './process-info.js';

/** The seams of everything that works on a data directory. */
export interface DirectorySeams {
  /** Default: the machine's file system. */
  readonly fileSystem?: FileSystem;
  /** Default: the machine's processes. */
  readonly processInfo?: ProcessInfo;
  /** Where random ids come from. Default: the machine. */
  readonly random?: Random;
}

/** How to make a data directory. */
export interface InitDataDirectoryOptions extends DirectorySeams {
  /** Made, with the directories above it, if it is not there; else it must be empty, or left by an `init` that did not come to its end. */
  readonly dataDir: string;
  /** Names the cluster: 1 to 255 characters. Nodes of different clusters refuse each other. */
  readonly clusterId: string;
  /** A member of `config` unless `joins`; never used before in this cluster. */
  readonly nodeId: NodeId;
  /**
   * Whether the node is to become a member of a running cluster by a reconfiguration: `config` is one of that
   * cluster then, without this node. Default false.
   */
  readonly joins?: boolean;
  /**
   * What the host's state is before the first record, as its snapshot codec writes it; the log begins behind
   * it, at index 1. The same on every node of the cluster, which `clusterId` should make sure of: nodes that
   * begin differently must never meet. Default: none, the log begins at 0.
   */
  readonly firstSnapshot?: Uint8Array;
  /** The cluster's first configuration, the same on every node. */
  readonly config: ClusterConfig;
  /** Where the other members listen for their peers, `host:port`: one for each other member; this node's own may be among them. */
  readonly peerAddresses: ReadonlyMap<NodeId, string>;
}

/** How to open a data directory. */
export interface OpenJournalOptions<E, S> extends DirectorySeams {
  readonly dataDir: string;
  readonly entryCodec: ValueCodec<E>;
  readonly snapshotCodec: ValueCodec<S>;
  /** Default: silent. */
  readonly logger?: Logger;
  /**
   * The size of a segment file, in bytes, unless the state needs more: within [4096, 2^30]. Default 4 MiB.
   * When it is full, the journal goes on in a new one, which begins with the whole state; with a snapshot it
   * does so when half of it is used.
   */
  readonly segmentBytes?: number;
  /** How many bytes are written and synced together at most, unless one call alone takes more: within [4096, 2^30]. Default 4 MiB. */
  readonly maxBatchBytes?: number;
  /**
   * How many bytes of writes may wait for the disk, in all: within [4096, 2^40]. Default 256 MiB. One write
   * more than that stops the journal with `storage_overloaded`.
   */
  readonly maxPendingBytes?: number;
}

/** Guards the path of a data directory. */
export const dataDirSchema = z
  .string()
  .min(1, 'must not be empty')
  .refine((path) => !path.includes('\0'), 'must be a path');

const initSchema = z.object({
  dataDir: dataDirSchema,
  clusterId: z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters'),
  nodeId: nodeIdSchema,
  joins: z.boolean().exactOptional(),
  firstSnapshot: z.instanceof(Uint8Array).exactOptional(),
  config: clusterConfigSchema,
  peerAddresses: z.map(
    nodeIdSchema,
    z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be host:port, 1 to 255 visible ASCII characters'),
    'must be a Map of node numbers to addresses',
  ),
});

const bytes = (max: number, byDefault: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(4_096, 'must be at least 4096')
    .max(max, `must be at most ${max}`)
    .default(byDefault);

/** Guards the limits of an open journal, with their defaults. */
export const journalLimitsSchema = z.object({
  segmentBytes: bytes(2 ** 30, 4 * 1024 * 1024),
  maxBatchBytes: bytes(2 ** 30, 4 * 1024 * 1024),
  maxPendingBytes: bytes(2 ** 40, 256 * 1024 * 1024),
});

const openSchema = journalLimitsSchema.extend({ dataDir: dataDirSchema });

/** The seams with their defaults filled in. */
export function directorySeams(seams: DirectorySeams): Required<DirectorySeams> {
  return {
    fileSystem: seams.fileSystem ?? nodeFileSystem,
    processInfo: seams.processInfo ?? nodeProcessInfo,
    random: seams.random ?? systemRandom,
  };
}

/** The checked options of `initDataDirectory`. @throws {InvalidInputError} */
export function parseInitOptions(
  options: InitDataDirectoryOptions,
): InitDataDirectoryOptions & Required<DirectorySeams> {
  const what = 'initDataDirectory';
  const parsed = parseInput(initSchema, options, what);
  const members = new Set(parsed.config.nodes);
  const joins = parsed.joins === true;
  if (members.has(parsed.nodeId) === joins) {
    throw new InvalidInputError(
      `${what}.nodeId`,
      parsed.nodeId,
      joins ? 'must not be a member of config.nodes yet' : 'must be a member of config.nodes',
    );
  }
  for (const nodeId of parsed.peerAddresses.keys()) {
    // Others that join at the same time may be named, so that they find each other.
    if (members.has(nodeId) || joins) continue;
    throw new InvalidInputError(`${what}.peerAddresses`, nodeId, 'must hold members of config.nodes only');
  }
  for (const nodeId of members) {
    if (nodeId === parsed.nodeId || parsed.peerAddresses.has(nodeId)) continue;
    throw new InvalidInputError(
      `${what}.peerAddresses.${nodeId}`,
      undefined,
      'must be there for each other member',
    );
  }
  // zod's output names the same fields; optional ones are never present as undefined (exactOptional in the schema).
  return { ...(parsed as InitDataDirectoryOptions), ...directorySeams(options) };
}

/** The checked options of `openJournal`, with defaults. @throws {InvalidInputError} */
export function parseOpenOptions<E, S>(
  options: OpenJournalOptions<E, S>,
): Required<OpenJournalOptions<E, S>> {
  const parsed = parseInput(openSchema, options, 'openJournal');
  return {
    ...parsed,
    ...directorySeams(options),
    entryCodec: options.entryCodec,
    snapshotCodec: options.snapshotCodec,
    logger: options.logger ?? silentLogger,
  };
}
