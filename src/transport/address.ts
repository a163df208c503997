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
 * @throws {InvalidInputError} naming `field`, for anything else; a scheme, a path or an empty host among it.
 */
export function parseAddress(text: string, field: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new InvalidInputError(
      field,
      text,
      'must be host:port, with a port within [0, 65535] and no scheme',
    );
  }
  return { host, port };
}

/** The text that {@link parseAddress} reads. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether what is sent to `host` cannot leave this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
