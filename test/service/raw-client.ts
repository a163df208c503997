import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { GET_TS_PATH } from '../../src/wire/index.js';

/** How a call ended: `code` 0 with the response's bytes, or a gRPC status with its trailers. */
export interface RawReply {
  readonly code: number;
  readonly details: string;
  readonly bytes: Uint8Array | undefined;
  readonly hint: Uint8Array | undefined;
}

export interface RawCall {
  readonly reply: Promise<RawReply>;
  cancel(): void;
}

const raw = (bytes: Buffer): Buffer => bytes;

/**
 * A client as others have it: the gRPC library's own, which knows nothing of this package. It must be closed.
 */
export class RawClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  call(bytes: Uint8Array, deadlineMs?: number, path = GET_TS_PATH): RawCall {
    let cancel = (): void => {};
    const reply = new Promise<RawReply>((resolve) => {
      const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      const onReply = (error: ServiceError | null, value?: Buffer): void => resolve(replyOf(error, value));
      const body = Buffer.from(bytes);
      const call = this.#client.makeUnaryRequest(path, raw, raw, body, new Metadata(), options, onReply);
      cancel = () => call.cancel();
    });
    return { reply, cancel: () => cancel() };
  }

  close(): void {
    this.#client.close();
  }
}

function replyOf(error: ServiceError | null, value: Buffer | undefined): RawReply {
  if (error === null) return { code: 0, details: '', bytes: value, hint: undefined };
  const hint = error.metadata.get('tsoracle-leader-hint-bin')[0];
  return {
    code: error.code,
    details: error.details,
    bytes: undefined,
    hint: typeof hint === 'string' ? undefined : hint,
  };
}
