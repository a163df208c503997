import { isIPv4, isIPv6 } from 'node:net';
import { InvalidInputError } from '../errors/index.js';

/** A host and a port to bind or to dial. */
export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** Within [0, 65535]; 0 binds to any free port. */
  readonly port: number;
}

/**
 * Reads `host:port` or `[ipv6]:port`.
 * @throws {InvalidInputError} naming `field`, for anything else: a scheme, a path, an empty host, a port above 65535.
 */
export function parseAddress(text: string, field: string): Address {
  const match = /^(?:\[([^[\]]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(text);
  const [, ipv6, name, port] = match ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || Number(port) > 65_535 || (ipv6 !== undefined && !isIPv6(ipv6))) {
    throw new InvalidInputError(
      field,
      text,
      'must be host:port or [ipv6]:port, with a port within [0, 65535] and without a scheme',
    );
  }
  return { host, port: Number(port) };
}

/** The text that {@link parseAddress} reads. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether what is sent to `host` cannot leave this machine: `localhost`, `::1` and `127.0.0.0/8`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
