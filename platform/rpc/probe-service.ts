// The service that the tests of transports call. What a test wants to know of the other side is in `seen`.
import { ProbeService } from '@tradepost/contracts/probe';
import { Refusal } from '../errors/index.ts';
import type { CallMeta, Context, Logger } from '../service/context.ts';
import { clientStream, duplexStream, type Implementation, implement, query, serverStream } from '../service/feature.ts';
import { type Clock, systemClock } from '../time/index.ts';

export interface Seen {
  metas: CallMeta[];
  requests: object[];
  /** Names of what was aborted by its signal. */
  aborted: string[];
  /** Names asked for, batch by batch. */
  batches: string[][];
  /** Streams whose handler has come to its end. */
  ended: string[];
  logged: { facts: object; message: string }[];
}

export interface ProbeHost {
  readonly implementation: Implementation;
  readonly seen: Seen;
  readonly log: Logger;
  readonly context: Context;
}

export const REFUSED = new Refusal(
  'entry_not_found',
  'NOT_FOUND',
  'Entry not found',
  'There is no entry of this name',
  {
    metadata: { name: 'nobody' },
    retryAfterSeconds: 1.5,
    errors: [{ pointer: '/name', code: 'unknown', detail: 'name is not known' }],
    httpStatus: 410,
    cause: new Error('a secret of the inside'),
  },
);

export function createProbeHost(): ProbeHost {
  const seen: Seen = { metas: [], requests: [], aborted: [], batches: [], ended: [], logged: [] };
  const keep = (facts: object, message: string): void => void seen.logged.push({ facts, message });
  const log: Logger = { debug: keep, info: keep, warn: keep, error: keep, line: keep };
  const untilAborted = (name: string, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        seen.aborted.push(name);
        resolve();
      });
    });
  const { method } = ProbeService;
  const implementation = implement(ProbeService, {
    echo: query(method.echo, async (request, context, meta) => {
      seen.metas.push(meta);
      seen.requests.push(request);
      const text = request.probe?.text;
      if (text === 'refuse') throw REFUSED;
      if (text === 'bug') throw new Error('a secret of the inside');
      if (text === 'hang') await untilAborted('echo', context.signal);
      return { probe: request.probe };
    }),
    getEntry: query(method.getEntry, async ({ name }, _, meta) => {
      seen.metas.push(meta);
      seen.batches.push([name]);
      if (name.startsWith('nobody')) throw REFUSED;
      return { entry: { text: name } };
    }),
    batchGetEntries: query(method.batchGetEntries, async ({ requests }, _, meta) => {
      seen.metas.push(meta);
      seen.batches.push(requests.map(({ name }) => name));
      if (requests.some(({ name }) => name === 'slow')) await new Promise((resolve) => setTimeout(resolve, 100));
      return {
        results: requests.map(({ name }) => (name.startsWith('nobody') ? {} : { entry: { text: name } })),
      };
    }),
    addEntry: query(method.addEntry, async ({ name }) => ({ name })),
    countDown: serverStream(method.countDown, async function* ({ from }, context) {
      try {
        for (let number = from; number > 0; number -= 1) {
          if (number === 13) throw REFUSED;
          if (number === 666) throw new Error('a secret of the inside');
          if (number === 1000) await untilAborted('countDown', context.signal);
          seen.requests.push({ number });
          yield { number };
        }
      } finally {
        seen.ended.push('countDown');
      }
    }),
    addUp: clientStream(method.addUp, async (requests) => {
      let sum = 0n;
      try {
        for await (const { number } of requests) {
          sum += BigInt(number);
          if (number === 13) throw REFUSED;
        }
        return { sum };
      } catch (error) {
        seen.aborted.push(error instanceof Refusal ? `addUp ${error.code}` : 'addUp');
        throw error;
      }
    }),
    double: duplexStream(method.double, async function* (requests) {
      try {
        for await (const { number } of requests) yield { number: number * 2 };
      } finally {
        seen.ended.push('double');
      }
    }),
  });
  const clock: Clock = systemClock;
  const context = { config: {}, clock, log, signal: new AbortController().signal } as unknown as Context;
  return { implementation, seen, log, context };
}
