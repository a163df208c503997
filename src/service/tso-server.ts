import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { InvalidInputError, parseInput } from '../errors/index.js';
import { type Clock, silentLogger, systemClock } from '../runtime/index.js';
import { GET_TS_PATH } from '../wire/index.js';
import { ConnectionListener } from './connection-listener.js';
import { GetTsHandler } from './get-ts-handler.js';
import {
  type TsoServerCloseOptions,
  type TsoServerOptions,
  type TsoServerSettings,
  tsoServerSettingsSchema,
} from './tso-server-options.js';

/** How long requests under way may go on when a server closes, in ms, unless it is told otherwise. */
const DEFAULT_GRACE_MS = 1_000;

interface Parts {
  readonly clock: Clock;
  readonly grpc: Server;
  readonly handler: GetTsHandler;
  readonly listener: ConnectionListener;
}

/**
 * The gRPC service `tsoracle.v1.TsoService` over a timestamp oracle, plaintext HTTP/2.
 *
 * | the request | is answered with |
 * | --- | --- |
 * | is granted | `count` timestamps of one ms, never fewer |
 * | does not ask for 1 to 262,144, or is malformed | INVALID_ARGUMENT |
 * | comes to a node that does not lead | FAILED_PRECONDITION, with the trailer `tsoracle-leader-hint-bin` if a leader is known |
 * | cannot be granted now: no lease, no quorum, too many requests, the node is stopping | UNAVAILABLE |
 * | can never be granted by this node | INTERNAL |
 *
 * What has caused a refusal is logged and never sent.
 */
export class TsoServer implements AsyncDisposable {
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Binds and serves.
   *
   * Rejects with an `InvalidInputError` for a setting out of range, and with a {@link TsoServerError}
   * (`bind_failed`) if `listen` cannot be bound; nothing is left behind then.
   */
  static async start(options: TsoServerOptions): Promise<TsoServer> {
    const { oracle, clock = systemClock, logger = silentLogger, ...input } = options;
    const settings = parseInput(tsoServerSettingsSchema, input, 'TsoServer options');
    const handler = new GetTsHandler({ oracle, clock, logger, ...settings });
    const grpc = createGrpcServer(handler, settings);
    const injector: ConnectionInjector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    try {
      const listener = await ConnectionListener.open({
        endpoint: settings.listen,
        maxConnections: settings.maxConnections,
        logger,
        onConnection: (socket) => injector.injectConnection(socket),
      });
      return new TsoServer({ clock, grpc, handler, listener });
    } catch (error) {
      grpc.forceShutdown();
      throw error;
    }
  }

  /** Where it listens: the `host:port` that was asked for, with the port that was bound. */
  get address(): string {
    return this.#parts.listener.address;
  }

  /** How many requests are under way. */
  get requestsUnderWay(): number {
    return this.#parts.handler.underWay;
  }

  /**
   * Accepts nothing more, lets the requests under way end for `graceMs`, and then cuts what is left; their
   * grants are aborted. When it resolves, no connection, request or timer is left. Idempotent: later calls
   * wait for the first one, whatever their `graceMs`.
   *
   * Rejects with an `InvalidInputError` if `graceMs` is not a number within [0, 3,600,000].
   */
  async close({ graceMs = DEFAULT_GRACE_MS }: TsoServerCloseOptions = {}): Promise<void> {
    if (!(graceMs >= 0 && graceMs <= 3_600_000)) {
      throw new InvalidInputError('graceMs', graceMs, 'must be a number of ms within [0, 3600000]');
    }
    this.#closing ??= this.#close(graceMs);
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { clock, grpc, handler, listener } = this.#parts;
    const cut = clock.setTimer(graceMs, () => listener.cut());
    const ended = listener.close();
    // Every client is told to send nothing more; its connection ends with its last request.
    grpc.tryShutdown(() => {});
    await ended;
    await handler.idle();
    cut.cancel();
    grpc.forceShutdown();
  }
}

function createGrpcServer(handler: GetTsHandler, settings: TsoServerSettings): Server {
  const server = new Server({
    'grpc.max_receive_message_length': settings.maxRequestBytes,
    'grpc.max_concurrent_streams': settings.maxConcurrentRequests,
    'grpc.keepalive_time_ms': settings.keepaliveMs,
    'grpc.keepalive_timeout_ms': settings.keepaliveMs,
    // The library's own statistics, in a registry of the whole process that nobody reads here.
    'grpc.enable_channelz': 0,
  });
  const raw = (bytes: Buffer): Buffer => bytes;
  server.addService(
    {
      GetTs: {
        path: GET_TS_PATH,
        requestStream: false,
        responseStream: false,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    { GetTs: handler.handle },
  );
  return server;
}
