// gRPC as bytes, without a client that would refuse to send nonsense: the frames go over HTTP/2 as they are given.
import { connect } from 'node:http2';

export interface RawAnswer {
  /** The gRPC status; undefined when none came in time, as from a stream that stays open. */
  readonly status: number | undefined;
  readonly message: string;
}

export interface RawGrpc {
  /** @param path `/package.Service/Method`. @param body sent as it is: with its frames' prefixes. */
  call(path: string, body: Uint8Array): Promise<RawAnswer>;
  close(): void;
}

const PATIENCE_MS = 1_500;

/** @returns the message in one frame: not compressed, its length, its bytes. */
export function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** @param address `127.0.0.1:50051` */
export function createRawGrpc(address: string): RawGrpc {
  const session = connect(`http://${address}`);
  session.on('error', () => {});
  return {
    call: (path, body) =>
      new Promise((resolve) => {
        const stream = session.request({
          ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
        });
        let answer: RawAnswer = { status: undefined, message: '' };
        const read = (headers: Record<string, unknown>): void => {
          if (headers['grpc-status'] === undefined) return;
          answer = { status: Number(headers['grpc-status']), message: String(headers['grpc-message'] ?? '') };
        };
        const timer = setTimeout(() => stream.close(), PATIENCE_MS);
        stream.on('response', read);
        stream.on('trailers', read);
        stream.on('error', () => {});
        stream.on('close', () => {
          clearTimeout(timer);
          resolve(answer);
        });
        stream.resume();
        stream.end(body);
      }),
    close: () => session.destroy(),
  };
}
