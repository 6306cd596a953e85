// A light HTTP client over one kept connection: the driver of a load must cost less than what it drives.
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface RestClient {
  /** One request at a time. @param headers further ones, without the line end. */
  post(path: string, body: string, headers?: string): Promise<Answer>;
  close(): void;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const HEAD_END = '\r\n\r\n';

/** @param url `http://127.0.0.1:8080` */
export async function openRestClient(url: string): Promise<RestClient> {
  const { hostname, port, host } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let received = '';
  let waiting: Waiting | undefined;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('The server closed the connection.')));
  // Latin 1 keeps lengths in bytes right.
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    const answer = takeAnswer(received);
    if (answer === undefined) return;
    received = '';
    const { resolve } = waiting as Waiting;
    waiting = undefined;
    resolve(answer);
  });
  return {
    post(path, body, headers = '') {
      const head =
        `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`;
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(head + body);
      });
    },
    close: () => void socket.destroy(),
  };
}

/** @returns undefined while a part of it is still to come. */
function takeAnswer(text: string): Answer | undefined {
  const end = text.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  const start = end + HEAD_END.length;
  return text.length < start + length
    ? undefined
    : { status: Number(text.slice(9, 12)), body: text.slice(start, start + length) };
}
