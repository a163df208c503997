/** Where a server listens, or is reached: a host name or IP address, and a TCP port. */
export interface Endpoint {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** Within [1, 65535]. */
  readonly port: number;
}

/** How an endpoint is written on the command line, for messages that refuse one. */
export const ENDPOINT_FORM = 'host:port with a port within [1, 65535], an IPv6 host in brackets';

const PATTERN = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>[0-9]{1,5})$/;

/** Reads `host:port` or `[ipv6]:port`; undefined if `text` is neither. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const host = groups['v6'] ?? groups['host'];
  const port = Number(groups['port']);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Writes an endpoint as {@link parseEndpoint} reads it. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
