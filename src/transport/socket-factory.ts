import type { Duplex } from 'node:stream';
import type { NodeId } from '../omnipaxos/index.js';
import type { Address } from './address.js';

/** A place where peers call. */
export interface SocketListener {
  /** The address that is bound. */
  readonly address: Address;
  /**
   * Takes no further callers; resolves once the address is free and every socket that was handed over has closed, which is the
   * caller's to see to. Never rejects.
   */
  close(): Promise<void>;
}

/** What a listener tells. */
export interface SocketListenerHandlers {
  /** A caller; bytes may be written. */
  onSocket(socket: Duplex): void;
  /** A caller could not be taken, for want of file descriptors for instance. The listener goes on. */
  onError(error: Error): void;
}

/**
 * Makes the sockets of a transport: the seam between plain TCP, TLS, and tests. Sockets send small writes at once (`noDelay`), and tell
 * `data`, `drain`, `error` and `close` as those of `node:net` do.
 */
export interface SocketFactory {
  /** Whether its connections are encrypted and both sides authenticated. */
  readonly isSecure: boolean;
  /** Begins to connect. `onReady` is called once, when bytes may be written; a failure is the socket's `error` event. */
  connect(address: Address, onReady: () => void): Duplex;
  /** Binds. Rejects with the system's error if it cannot. */
  listen(address: Address, handlers: SocketListenerHandlers): Promise<SocketListener>;
  /**
   * Why this socket's peer cannot be the node that it claims to be, by what authenticated it; undefined if nothing speaks against
   * it.
   */
  contradicts(socket: Duplex, claimed: NodeId): string | undefined;
}
