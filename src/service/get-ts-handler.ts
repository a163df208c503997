import { type handleUnaryCall, Metadata, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { InvalidInputError, TsoracleError } from '../errors/index.js';
import type { Grant, KnownLeader } from '../oracle/index.js';
import { type Clock, type Logger, withResolvers } from '../runtime/index.js';
import {
  decodeGetTsRequest,
  encodeGetTsResponse,
  encodeLeaderHint,
  GET_TS_COUNT_MAX,
  GRPC_STATUS,
  isGetTsCount,
  LEADER_HINT_TRAILER,
} from '../wire/index.js';
import { OVERLOADED, type Refusal, refusalOf } from './error-status.js';
import type { TimestampGranter } from './timestamp-granter.js';

export interface GetTsHandlerOptions {
  readonly oracle: TimestampGranter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxConcurrentRequests: number;
  readonly grantTimeoutMs: number;
}

type Call = ServerUnaryCall<Buffer, Buffer>;
type Send = sendUnaryData<Buffer>;

/**
 * Answers `GetTs`. A request is under way until it is answered, its client has gone, or its deadline has
 * passed.
 */
export class GetTsHandler {
  readonly #options: GetTsHandlerOptions;
  #underWay = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: GetTsHandlerOptions) {
    this.#options = options;
  }

  /** How many requests are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    const { promise, resolve } = withResolvers<void>();
    this.#onIdle.push(() => resolve());
    return promise;
  }

  /**
   * The request and the response are raw bytes, so that a malformed request is answered here, like any other
   * mistake in it.
   */
  readonly handle: handleUnaryCall<Buffer, Buffer> = (call, send) => {
    if (this.#underWay >= this.#options.maxConcurrentRequests) refuse(send, OVERLOADED);
    else this.#begin(call, send);
  };

  #begin(call: Call, send: Send): void {
    this.#underWay += 1;
    const over = new AbortController();
    const end = (answer?: () => void): void => {
      if (over.signal.aborted) return;
      call.off('cancelled', onCancelled);
      over.abort();
      answer?.();
      this.#ended();
    };
    // Told when the client cancels or is lost, and when the call's deadline passes.
    const onCancelled = (): void => end();
    call.on('cancelled', onCancelled);
    this.#grant(call, over.signal).then(
      (grant) => end(() => send(null, toBuffer(encodeGetTsResponse(grant)))),
      (error: unknown) => end(() => this.#refuse(call, send, error)),
    );
  }

  /**
   * Reads the request and asks the oracle in one turn: the lease is judged after the request has been read.
   */
  async #grant(call: Call, signal: AbortSignal): Promise<Grant> {
    const { count } = decodeGetTsRequest(call.request);
    if (!isGetTsCount(count)) {
      throw new InvalidInputError('count', count, `must be within [1, ${GET_TS_COUNT_MAX}]`);
    }
    const grant = await this.#options.oracle.grant(count, { signal, timeoutMs: this.#timeoutMs(call) });
    assertWhole(grant, count);
    return grant;
  }

  /** What is left of the call's deadline, but no longer than the server's own. */
  #timeoutMs(call: Call): number {
    const { clock, grantTimeoutMs } = this.#options;
    const deadline = call.getDeadline();
    const leftMs = (deadline instanceof Date ? deadline.getTime() : deadline) - clock.wallMs();
    return Math.max(1, Math.min(leftMs, grantTimeoutMs));
  }

  #refuse(call: Call, send: Send, error: unknown): void {
    const refusal = refusalOf(error);
    const fields = { error, status: refusal.status, peer: call.getPeer() };
    if (refusal.status === GRPC_STATUS.internal) {
      this.#options.logger.error(fields, 'a request has failed');
    } else {
      this.#options.logger.debug(fields, 'a request was refused');
    }
    refuse(send, refusal);
  }

  #ended(): void {
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const wake of waiting) wake();
  }
}

function refuse(send: Send, { status, details, leader }: Refusal): void {
  const metadata = new Metadata();
  if (leader !== undefined) metadata.set(LEADER_HINT_TRAILER, toBuffer(encodeLeaderHint(hintOf(leader))));
  send({ code: status, details, metadata });
}

function hintOf({ endpoint, epoch }: KnownLeader): Parameters<typeof encodeLeaderHint>[0] {
  return { leaderEpoch: epoch, ...(endpoint === undefined ? {} : { leaderEndpoint: endpoint }) };
}

/** All or nothing, and at one ms: checked where the bytes leave. */
function assertWhole({ logicalStart, count }: Grant, asked: number): void {
  if (count === asked && logicalStart + count <= GET_TS_COUNT_MAX) return;
  throw new TsoracleError(
    'internal',
    `the oracle granted ${count} timestamps from ${logicalStart} on when asked for ${asked}`,
  );
}

/** The same bytes, as the gRPC library wants them. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
