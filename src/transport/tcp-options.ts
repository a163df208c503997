import { z } from 'zod';
import type { Codecs } from '../codec/index.js';
import { InvalidInputError, parseInput } from '../errors/index.js';
import { type NodeId, nodeIdSchema } from '../omnipaxos/index.js';
import {
  type Clock,
  type Logger,
  type NextTurn,
  type Random,
  silentLogger,
  systemClock,
  systemNextTurn,
  systemRandom,
} from '../runtime/index.js';
import { type Address, formatAddress, isLoopback, parseAddress } from './address.js';
import { ACK_EVERY_BYTES } from './bulk-window.js';
import { plainSocketFactory } from './plain-socket-factory.js';
import type { SocketFactory } from './socket-factory.js';
import { TransportError } from './transport-error.js';

const ms = (defaultMs: number) =>
  z.number().min(1, 'must be at least 1').max(3_600_000, 'must be at most 3600000').default(defaultMs);

const whole = (min: number, max: number, defaultValue: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultValue);

/** Guards the limits of a TCP transport. */
export const tcpLimitsSchema = z
  .strictObject({
    /** The largest frame that is sent or taken, in bytes: within [1 KiB, 64 MiB]. Default 1 MiB. The same on all nodes. */
    maxFrameBytes: whole(2 ** 10, 2 ** 26, 2 ** 20),
    /**
     * The largest message, in bytes: within [1 KiB, 1 GiB]. A larger one is dropped by its sender, and closes the connection of a
     * sender that does not drop it. Default 256 MiB. The same on all nodes.
     */
    maxMessageBytes: whole(2 ** 10, 2 ** 30, 2 ** 28),
    /**
     * While so many bytes wait for one peer, further messages to it are dropped: within [1 KiB, 4 GiB]. The last one taken may reach
     * beyond it. Default 64 MiB.
     */
    outboundQueueBytes: whole(2 ** 10, 2 ** 32, 2 ** 26),
    /**
     * How many bytes, heartbeats apart, may be on their way to one peer: within [32 KiB, 64 MiB]. A heartbeat waits behind so many at
     * most; one connection carries so many per round trip at most. Default 256 KiB.
     */
    bulkWindowBytes: whole(ACK_EVERY_BYTES, 2 ** 26, 2 ** 18),
    /** How many callers may be in the handshake at once; further ones are turned away: within [1, 10,000]. Default 64. */
    maxPendingCallers: whole(1, 10_000, 64),
    /**
     * How many nodes that `peers` does not list may call, one after the other or at once, as future members do: within [0, 10,000]. They are never dialled. Default 64.
     */
    maxUnlistedPeers: whole(0, 10_000, 64),
    /** How long it may take to connect, in ms: within [1, 3,600,000], as all times here. Default 3,000. */
    connectTimeoutMs: ms(3_000),
    /** How long a handshake may take once connected, both nodes' admissions included, in ms. Default 3,000. */
    handshakeTimeoutMs: ms(3_000),
    /**
     * How long a connection may go without a complete frame arriving, in ms. It must be well above a heartbeat round (`tickMs *
     * electionTickTimeout`). Default 10,000.
     */
    receiveTimeoutMs: ms(10_000),
    /** How long messages may wait without the peer taking any, in ms. Default 10,000. */
    stallTimeoutMs: ms(10_000),
    /** The pause before a lost connection is dialled again, in ms; doubled at each failure, and jittered. Default 20. */
    reconnectMinMs: ms(20),
    /** The longest pause between two attempts, in ms: at least `reconnectMinMs`. Default 1,000. */
    reconnectMaxMs: ms(1_000),
    /** Allows plaintext connections that can leave this machine. Default false. */
    allowInsecurePeer: z.boolean().default(false),
  })
  .superRefine(({ reconnectMinMs, reconnectMaxMs }, context) => {
    if (reconnectMaxMs >= reconnectMinMs) return;
    context.addIssue({
      code: 'custom',
      path: ['reconnectMaxMs'],
      message: `must be at least reconnectMinMs (${reconnectMinMs})`,
    });
  });

/** Limits of a TCP transport; see {@link tcpLimitsSchema} for ranges and defaults. */
export type TcpLimits = z.output<typeof tcpLimitsSchema>;

/** What a TCP transport is made of, and its limits. */
export interface TcpPeerTransportOptions<E, S> extends z.input<typeof tcpLimitsSchema> {
  readonly nodeId: NodeId;
  /** `host:port` to listen on; port 0 takes any free one. */
  readonly listen: string;
  /** `host:port` of each other node, as this one reaches it. Nodes that are not listed may call, as far as `maxUnlistedPeers` allows. */
  readonly peers: ReadonlyMap<NodeId, string>;
  readonly codecs: Codecs<E, S>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** How a late timer lets sockets be read first. Default: the machine's event loop. */
  readonly nextTurn?: NextTurn;
  /** Makes sockets. Default: plain TCP. */
  readonly socketFactory?: SocketFactory;
}

/** What a TCP transport works by, checked and with its defaults. */
export interface TcpSettings {
  readonly nodeId: NodeId;
  readonly listen: Address;
  readonly peers: ReadonlyMap<NodeId, Address>;
  readonly limits: TcpLimits;
  readonly socketFactory: SocketFactory;
}

/**
 * Checks the options of a TCP transport, apart from its seams.
 * @throws {InvalidInputError} naming the option that is out of range, or does not exist.
 * @throws {TransportError} with code `insecure_peer` for plaintext that could leave this machine.
 */
export function parseTcpOptions<E, S>(options: TcpPeerTransportOptions<E, S>): TcpSettings {
  const { nodeId, listen, peers, codecs, clock, random, logger, nextTurn, socketFactory, ...limits } =
    options;
  const settings: TcpSettings = {
    nodeId: parseInput(nodeIdSchema, nodeId, 'nodeId'),
    listen: parseAddress(listen, 'listen'),
    peers: parsePeers(peers, nodeId),
    limits: parseInput(tcpLimitsSchema, limits, 'TCP transport options'),
    socketFactory: socketFactory ?? plainSocketFactory,
  };
  if (!settings.socketFactory.isSecure && !settings.limits.allowInsecurePeer) {
    requireLoopback(settings.listen, 'listen');
    for (const [peerId, address] of settings.peers) requireLoopback(address, `peers.${peerId}`);
  }
  return settings;
}

/** What a TCP transport takes from outside. */
export interface TcpSeams<E, S> {
  readonly codecs: Codecs<E, S>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nextTurn: NextTurn;
}

/** The seams that the options give, and the machine's own for the others. */
export function tcpSeams<E, S>(options: TcpPeerTransportOptions<E, S>): TcpSeams<E, S> {
  return {
    codecs: options.codecs,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    logger: (options.logger ?? silentLogger).child({ nodeId: options.nodeId }),
    nextTurn: options.nextTurn ?? systemNextTurn,
  };
}

function parsePeers(peers: ReadonlyMap<NodeId, string>, nodeId: NodeId): ReadonlyMap<NodeId, Address> {
  const parsed = new Map<NodeId, Address>();
  const owners = new Map<string, NodeId>();
  for (const [peerId, text] of peers) {
    const field = `peers.${peerId}`;
    parseInput(nodeIdSchema, peerId, field);
    if (peerId === nodeId) throw new InvalidInputError(field, text, 'must not name this node itself');
    const address = parseAddress(text, field);
    if (address.port === 0) throw new InvalidInputError(field, text, 'must have a port within [1, 65535]');
    const owner = owners.get(formatAddress(address));
    if (owner !== undefined)
      throw new InvalidInputError(field, text, `must not be the address of node ${owner} too`);
    owners.set(formatAddress(address), peerId);
    parsed.set(peerId, address);
  }
  return parsed;
}

function requireLoopback(address: Address, field: string): void {
  if (isLoopback(address.host)) return;
  throw new TransportError(
    'insecure_peer',
    `${field}: ${formatAddress(address)} is not a loopback address, and peers would talk in plaintext, readable and forgeable by anybody between them: use TLS, or set allowInsecurePeer on a network that is trusted`,
  );
}
