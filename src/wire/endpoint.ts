import { isIPv6 } from 'node:net';

/** Where a server listens, or is reached. */
export interface Endpoint {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** Within [0, 65535]; 0 only where a server may choose its port. */
  readonly port: number;
}

/** The longest host name that DNS allows, in characters. */
const HOST_LENGTH_MAX = 253;

const PATTERN =
  /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)):(?<port>[0-9]{1,5})$/;

/**
 * Reads a scheme-less `host:port` or `[ipv6]:port`.
 * @returns undefined for anything else: a scheme, a path, a user, a space, a port above 65535.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const groups = PATTERN.exec(text)?.groups;
  const host = groups?.['v6'] ?? groups?.['host'];
  const port = Number(groups?.['port']);
  if (host === undefined || host.length > HOST_LENGTH_MAX || port > 65_535) return undefined;
  if (groups?.['v6'] !== undefined && !isIPv6(host)) return undefined;
  return { host, port };
}

/** Writes an endpoint as {@link parseEndpoint} reads it. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
