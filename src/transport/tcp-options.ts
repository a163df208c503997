import { z } from 'zod';
import type { Codecs } from '../codec/index.js';
import type { NodeId } from '../omnipaxos/index.js';
import type { Clock, Logger, Random } from '../runtime/index.js';
import type { SocketFactory } from './socket-factory.js';

const ms = (defaultMs: number) =>
  z.number().min(1, 'must be at least 1').max(3_600_000, 'must be at most 3600000').default(defaultMs);
const bytes = (min: number, max: number, defaultBytes: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultBytes);

/** Guards the limits of a TCP transport. */
export const tcpLimitsSchema = z.strictObject({
  /** The largest frame, in bytes. Default 1 MiB. */
  maxFrameBytes: bytes(1_024, 2 ** 26, 2 ** 20),
  /** The largest message, in bytes; a larger one is dropped by its sender and refused by its receiver. Default 256 MiB. */
  maxMessageBytes: bytes(1_024, 2 ** 30, 2 ** 28),
  /** How many bytes may wait for one peer; what does not fit is dropped. Default 64 MiB. */
  outboundQueueBytes: bytes(1_024, 2 ** 32, 2 ** 26),
  /** How long a connection attempt and its handshake may take, in ms. Default 3,000. */
  handshakeTimeoutMs: ms(3_000),
  /** How long a connection may go without anything being received, in ms: far above a heartbeat round. Default 10,000. */
  idleTimeoutMs: ms(10_000),
  /** How long written bytes may wait for the socket, in ms. Default 10,000. */
  stallTimeoutMs: ms(10_000),
  /** The pause before a lost connection is dialled again, in ms; doubled at each failure. Default 20. */
  reconnectMinMs: ms(20),
  /** The longest pause between two attempts, in ms. Default 250. */
  reconnectMaxMs: ms(250),
  /** Allows plaintext connections that can leave this machine. Default false. */
  allowInsecurePeer: z.boolean().default(false),
});

/** Limits of a TCP transport; see {@link tcpLimitsSchema} for ranges and defaults. */
export type TcpLimits = z.output<typeof tcpLimitsSchema>;

/** What a TCP transport is made of, and its limits. */
export interface TcpPeerTransportOptions<E, S> extends z.input<typeof tcpLimitsSchema> {
  readonly nodeId: NodeId;
  /** `host:port` to listen on; port 0 takes any free one. */
  readonly listen: string;
  /** `host:port` of each other node, as this one reaches it. */
  readonly peers: ReadonlyMap<NodeId, string>;
  readonly codecs: Codecs<E, S>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Makes sockets. Default: plain TCP. */
  readonly socketFactory?: SocketFactory;
}
