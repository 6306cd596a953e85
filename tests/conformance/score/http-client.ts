// A client that sees what curl sees: the status, the headers that matter, and the body as text.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the answer holds, for assertions.
  readonly json: any;
}

export type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** @param url of a running system. @returns how to ask it; a string body is sent as it is, anything else as JSON. */
export function createAsk(url: string): Ask {
  return async (method, path, body, headers = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: text }),
    });
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const answered = await answer.text();
    return {
      status: answer.status,
      type,
      text: answered,
      json: type.endsWith('json') ? JSON.parse(answered) : undefined,
    };
  };
}

/** Asks again until the answer fits; what follows an event arrives a little later than its acknowledgement. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  return assert.fail('it did not come to pass within ten seconds');
}
