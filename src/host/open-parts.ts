import type { z } from 'zod';
import { parseInput } from '../errors/index.js';
import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../high-water/index.js';
import type { Random } from '../runtime/index.js';
import { type OpenJournalOptions, openJournal } from '../storage/index.js';
import { parseAddress, type SocketFactory, TcpPeerTransport, tcpLimitsSchema } from '../transport/index.js';
import {
  parseHostTuning,
  type StandaloneHostSeams,
  type StandaloneHostStartOptions,
  type StandaloneHostTuning,
} from './standalone-host-options.js';

/** How a standalone host talks to its peers: limits with their defaults, and how sockets are made. */
export type HostTransportOptions = z.input<typeof tcpLimitsSchema> & {
  /** Makes sockets. Default: plain TCP, which is for loopback addresses only. */
  readonly socketFactory?: SocketFactory;
};

/** How a standalone host uses its disk. */
export type HostJournalOptions = Pick<
  OpenJournalOptions<HighWaterCommand, HighWaterSnapshot>,
  'maxBatchBytes' | 'maxPendingBytes' | 'segmentBytes'
>;

/** A standalone host on a data directory and TCP. */
export interface StandaloneHostOpenOptions extends StandaloneHostTuning, StandaloneHostSeams {
  /**
   * A data directory that `init` has made. It says which node of which cluster this is, and where its peers
   * are.
   */
  readonly dataDir: string;
  /** `host:port` on which this node listens for its peers; port 0 takes any free one. */
  readonly peerListen: string;
  readonly transport?: HostTransportOptions;
  readonly journal?: HostJournalOptions;
  /** Default: the machine's. */
  readonly random?: Random;
}

/**
 * Opens what a standalone host works on. All options are checked before the directory is touched.
 * @throws {InvalidInputError} naming the field; {@link StorageError}; {@link TransportError}. The directory
 * is closed again then.
 */
export async function openParts(options: StandaloneHostOpenOptions): Promise<StandaloneHostStartOptions> {
  const { dataDir, peerListen, transport = {}, journal, random, ...rest } = options;
  const { clock, logger, nextTurn: _nextTurn, ...tuning } = rest;
  parseHostTuning(tuning);
  parseAddress(peerListen, 'host options.peerListen');
  const { socketFactory, ...limits } = transport;
  parseInput(tcpLimitsSchema, limits, 'host options.transport');
  const seams = {
    ...(random === undefined ? {} : { random }),
    ...(logger === undefined ? {} : { logger }),
  };
  const storage = await openJournal<HighWaterCommand, HighWaterSnapshot>({
    dataDir,
    entryCodec: highWaterCommandCodec,
    snapshotCodec: highWaterSnapshotCodec,
    ...journal,
    ...seams,
  });
  try {
    const { nodeId } = storage.identity;
    const tcp = new TcpPeerTransport<HighWaterCommand, HighWaterSnapshot>({
      nodeId,
      listen: peerListen,
      peers: new Map([...storage.peerAddresses].filter(([peer]) => peer !== nodeId)),
      codecs: { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec },
      ...limits,
      ...(socketFactory === undefined ? {} : { socketFactory }),
      ...(clock === undefined ? {} : { clock }),
      ...seams,
    });
    return { ...rest, storage, transport: tcp };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
