import { z } from 'zod';
import { NODE_ID_MAX } from '../omnipaxos/index.js';
import { formatEndpoint, parseEndpoint } from '../wire/index.js';

/**
 * How an endpoint is written on the command line. A port is never left open: peers and clients must know it.
 */
const ENDPOINT_FORM = 'host:port with a port within [1, 65535], an IPv6 host in brackets';

/**
 * Schemas that read one flag's text. A message of theirs is the end of a sentence that begins with the flag.
 */

/** A path, as it stands; not empty. */
export const pathValue = z.string().min(1, 'must be a path, not empty');

/** A cluster's name: 1 to 64 letters, digits, dots, underscores or hyphens. */
export const clusterIdValue = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, underscores or hyphens');

/** A node's number. */
export const nodeIdValue = wholeNumberValue(1, NODE_ID_MAX);

/** One `host:port`, in its canonical form. */
export const endpointValue = z.string().transform((text, context): string => {
  const endpoint = readEndpoint(text);
  if (endpoint !== undefined) return endpoint;
  context.issues.push({ code: 'custom', message: `must be ${ENDPOINT_FORM}`, input: text });
  return z.NEVER;
});

/** `host:port,host:port,...`: at least one, none twice. */
export const endpointListValue = z.string().transform((text, context): readonly string[] => {
  const refuse = (message: string): never => {
    context.issues.push({ code: 'custom', message, input: text });
    return z.NEVER;
  };
  const endpoints: string[] = [];
  for (const part of text.split(',')) {
    const endpoint = parseEndpoint(part.trim());
    if (endpoint === undefined) return refuse(`must be a list of ${ENDPOINT_FORM}, separated by commas`);
    const canonical = formatEndpoint(endpoint);
    if (endpoints.includes(canonical))
      return refuse(`must name each endpoint once; ${canonical} is there twice`);
    endpoints.push(canonical);
  }
  return endpoints;
});

/** `1=host:port,2=host:port,...`: every member of the cluster, each node and each address once. */
export const peersValue = z.string().transform((text, context): ReadonlyMap<number, string> => {
  const refuse = (message: string): never => {
    context.issues.push({ code: 'custom', message, input: text });
    return z.NEVER;
  };
  const peers = new Map<number, string>();
  for (const part of text.split(',')) {
    const [left = '', right = ''] = part.trim().split('=', 2);
    const nodeId = nodeIdValue.safeParse(left);
    const address = readEndpoint(right);
    if (!nodeId.success || address === undefined) {
      return refuse(
        `must be a list of id=${ENDPOINT_FORM}, separated by commas; ${JSON.stringify(part)} is not`,
      );
    }
    if (peers.has(nodeId.data)) return refuse(`must name each node once; node ${nodeId.data} is there twice`);
    if ([...peers.values()].includes(address)) {
      return refuse(`must give each node an address of its own; ${address} is there twice`);
    }
    peers.set(nodeId.data, address);
  }
  return peers;
});

/** An endpoint in its canonical form; undefined if `text` is none, or leaves its port open. */
function readEndpoint(text: string): string | undefined {
  const endpoint = parseEndpoint(text);
  return endpoint === undefined || endpoint.port === 0 ? undefined : formatEndpoint(endpoint);
}

/** A whole number within [min, max]. */
export function wholeNumberValue(min: number, max: number) {
  return numberValue(/^[0-9]+$/, min, max, `must be a whole number within [${min}, ${max}]`);
}

/** A span of time in seconds, decimals allowed, within [min, max]. */
export function secondsValue(min: number, max: number) {
  return numberValue(/^[0-9]+(\.[0-9]+)?$/, min, max, `must be a number of seconds within [${min}, ${max}]`);
}

function numberValue(pattern: RegExp, min: number, max: number, message: string) {
  return z
    .string()
    .regex(pattern, { message, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/**
 * A switch: given without a value as a flag, `true` or `false` (also 1, 0, yes, no, on, off) in the
 * environment.
 */
export const switchValue = z.stringbool('must be true or false').default(false);

/** How much is logged. */
export const logLevelValue = z.enum(['debug', 'info', 'warn', 'error', 'silent'], {
  message: 'must be one of debug, info, warn, error, silent',
});
