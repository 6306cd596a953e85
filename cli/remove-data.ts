// Deletes the data directory with the embedded database, wherever that lies. A server that a killed process left behind
// is stopped first.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findServerPlace, startEmbeddedPostgres } from '@tradepost/platform/db';
import { createLogger } from '@tradepost/platform/telemetry';

export async function removeData(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const { data } = findServerPlace(directory);
  if (existsSync(join(data, 'postmaster.pid'))) await stopServer(directory);
  rmSync(data, { recursive: true, force: true });
  rmSync(directory, { recursive: true, force: true });
}

/** Taken over as the last user, and let go. A server that does not even start is no reason to keep its data. */
async function stopServer(directory: string): Promise<void> {
  try {
    const server = await startEmbeddedPostgres({ directory, log: createLogger({ level: 'silent' }) });
    await server.stop();
  } catch {
    // Whatever is wrong with it, it goes now.
  }
}
