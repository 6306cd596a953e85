// Hints between processes that share a database, by LISTEN and NOTIFY on a connection of its own: a NOTIFY inside a
// business transaction takes a lock that all commits share. Coalesced; a lost one costs a poll interval, nothing else.
import pg from 'pg';
import type { Logger } from '../../service/index.ts';
import type { Wakeups } from './sequencer.ts';

const CHANNEL = 'tradepost_log';
const SEND_EVERY_MS = 5;
const RECONNECT_MS = 2000;

type Hint = 'poke' | 'advance';

export interface WakeupsOptions {
  /** The service's database; NOTIFY stays within it. */
  readonly url: string;
  readonly service: string;
  readonly log: Logger;
}

export function createWakeups({ url, service, log }: WakeupsOptions): Wakeups & { close(): Promise<void> } {
  const listeners = new Set<{ poke(): void; advance(): void }>();
  const due = new Set<Hint>();
  let client: pg.Client | undefined;
  let sending = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: `tradepost-${service}-wakeups`,
      keepAlive: true,
    });
    let lost = false;
    const retry = (): void => {
      if (lost) return;
      lost = true;
      if (client === fresh) client = undefined;
      fresh.end().catch(() => {});
      if (!closed) timer = setTimeout(() => void connect(), RECONNECT_MS);
    };
    fresh.on('error', retry);
    fresh.on('end', retry);
    fresh.on('notification', ({ payload, processId }) => {
      if (processId === (fresh as unknown as { processID: number }).processID) return;
      for (const listener of listeners) payload === 'poke' ? listener.poke() : listener.advance();
    });
    try {
      await fresh.connect();
      await fresh.query(`listen ${CHANNEL}`);
      client = fresh;
      if (closed) retry();
    } catch (error) {
      log.debug({ error }, 'No connection for wake-ups; polling goes on.');
      retry();
    }
  };

  const send = async (): Promise<void> => {
    if (sending || client === undefined) return;
    sending = true;
    try {
      while (due.size > 0 && client !== undefined) {
        const hints = [...due];
        due.clear();
        await client.query('select pg_notify($1, hint) from unnest($2::text[]) hint', [CHANNEL, hints]);
        await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
      }
    } catch {
      // A hint that was lost with its connection.
    } finally {
      sending = false;
    }
  };
  const hint = (kind: Hint): void => {
    due.add(kind);
    void send();
  };

  void connect();
  return {
    sendPoke: () => hint('poke'),
    sendAdvance: () => hint('advance'),
    listen(handlers) {
      listeners.add(handlers);
      return () => void listeners.delete(handlers);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
