import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { GET_TS_PATH } from '../../src/wire/index.js';

/** A server of the gRPC library's own making, which knows nothing of this package. */
export interface ForeignServer {
  readonly port: number;
  /** Lets calls under way end, and tells its clients to go. */
  drain(): Promise<void>;
  /** Cuts everything. */
  cut(): void;
}

export async function foreignServer(
  answer: handleUnaryCall<Buffer, Buffer>,
  port = 0,
): Promise<ForeignServer> {
  const server = new Server();
  const raw = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: GET_TS_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
  server.addService({ GetTs: method }, { GetTs: answer });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
      if (error === null) resolve(actual);
      else reject(error);
    });
  });
  return {
    port: bound,
    drain: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    cut: () => server.forceShutdown(),
  };
}
