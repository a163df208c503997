import type { CallChannel } from '../../src/client/get-ts-attempt.js';
import { NoAnswerError } from '../../src/client/no-answer-error.js';
import type { UnaryCallBounds } from '../../src/client/unary-channel.js';
import type { UnaryReply } from '../../src/client/unary-reply.js';
import { type Epoch, toEpoch } from '../../src/consensus/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import {
  decodeGetTsRequest,
  encodeGetTsResponse,
  encodeLeaderHint,
  type GetTsResponse,
  type LeaderHint,
} from '../../src/wire/index.js';

/** One attempt, as a node sees it. */
export interface Attempt extends UnaryCallBounds {
  readonly count: number;
}

/** What a node does with an attempt: a reply, or nothing for as long as it is waited for. */
export type Node = (attempt: Attempt) => UnaryReply | Promise<UnaryReply>;

export const epoch = (value: number): Epoch => toEpoch(BigInt(value));

/** A reply of raw bytes. */
export function ok(message: Uint8Array | undefined): UnaryReply {
  return { status: 0, details: '', message, metadata: {} };
}

export function status(code: number, details = ''): UnaryReply {
  return { status: code, details, message: undefined, metadata: {} };
}

export function notLeader(hint?: LeaderHint): UnaryReply {
  const metadata =
    hint === undefined
      ? {}
      : { 'tsoracle-leader-hint-bin': Buffer.from(encodeLeaderHint(hint)).toString('base64') };
  return { ...status(9, 'not the leader'), metadata };
}

/** A leader that grants what is asked for, from `physicalMs` on, one ms for each request. */
export function leader(physicalMs = 1_000, at = epoch(1)): Node {
  let nextMs = physicalMs;
  return ({ count }) => granted({ physicalMs: nextMs++, logicalStart: 0, count, epoch: at });
}

export function granted(response: GetTsResponse): UnaryReply {
  return ok(encodeGetTsResponse(response));
}

export const refusesConnections: Node = () => {
  throw new NoAnswerError('connect ECONNREFUSED');
};

/** Says nothing: the wait for it runs on the test's clock. */
export const silent: Node = () => new Promise<UnaryReply>(() => {});

/** Nodes in memory: what the channels of a client reach. */
export class ScriptedChannels {
  readonly nodes = new Map<string, Node>();
  /** The endpoints asked, in order. */
  readonly asked: string[] = [];
  readonly attempts: Attempt[] = [];
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly #setTimer: (delayMs: number, callback: () => void) => { cancel(): void };

  constructor(clock: { setTimer(delayMs: number, callback: () => void): { cancel(): void } }) {
    this.#setTimer = (delayMs, callback) => clock.setTimer(delayMs, callback);
  }

  readonly open = (endpoint: string): CallChannel => {
    this.opened.push(endpoint);
    return {
      call: (_path, request, bounds) => this.#call(endpoint, request, bounds),
      close: async () => {
        this.closed.push(endpoint);
      },
    };
  };

  /** As a channel must: the first of reply, end of the wait and abort ends the call. */
  async #call(endpoint: string, request: Uint8Array, bounds: UnaryCallBounds): Promise<UnaryReply> {
    bounds.signal.throwIfAborted();
    const attempt = { ...bounds, ...decodeGetTsRequest(request) };
    this.asked.push(endpoint);
    this.attempts.push(attempt);
    const { promise, resolve, reject } = withResolvers<UnaryReply>();
    const onAbort = (): void => reject(bounds.signal.reason);
    bounds.signal.addEventListener('abort', onAbort, { once: true });
    const timer = this.#setTimer(bounds.waitMs, () => {
      reject(new NoAnswerError(`no answer within ${bounds.waitMs} ms`, { isSilence: true }));
    });
    try {
      const node = this.nodes.get(endpoint) ?? refusesConnections;
      Promise.resolve(node(attempt)).then(resolve, reject);
      return await promise;
    } finally {
      timer.cancel();
      bounds.signal.removeEventListener('abort', onAbort);
    }
  }
}
