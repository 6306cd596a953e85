// Keeps the embedded server alive for as long as it is wanted: one that dies is started again on the same data, and the
// pools, which try again by themselves, find it at the same address.
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts';
import { isProcessAlive } from './process-facts.ts';

const LOOK_EVERY_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** Like `startEmbeddedPostgres`, and starts the server again when it dies before `stop`. */
export async function superviseEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  let current = await startEmbeddedPostgres(options);
  let stopped = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let reviving: Promise<void> = Promise.resolve();

  const revive = async (): Promise<void> => {
    log.error({ pid: current.pid }, 'PostgreSQL has died; it is started again.');
    try {
      const before = current;
      current = await startEmbeddedPostgres({ ...options, port: before.port, keepPort: true });
      failures = 0;
      // Only now: a user who lets go as the last one would stop the server.
      await before.stop();
    } catch (error) {
      failures += 1;
      log.error({ error }, 'PostgreSQL could not be started again; it is tried once more.');
    }
  };
  const look = (): void => {
    const pauseMs = failures === 0 ? LOOK_EVERY_MS : Math.min(LONGEST_PAUSE_MS, LOOK_EVERY_MS * 2 ** failures);
    timer = setTimeout(() => {
      if (!isProcessAlive(current.pid)) reviving = revive();
      void reviving.then(() => {
        if (!stopped) look();
      });
    }, pauseMs);
    timer.unref();
  };
  look();
  return {
    get adminUrl() {
      return current.adminUrl;
    },
    get port() {
      return current.port;
    },
    get pid() {
      return current.pid;
    },
    version: current.version,
    adopted: current.adopted,
    dataDirectory: current.dataDirectory,
    location: current.location,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await reviving;
      await current.stop();
    },
  };
}
