// What the process says of the services that it hosts. A check takes a round trip, so its result is kept for a moment.
import type { HealthReport, ServiceHealth } from '../http/index.ts';
import type { HostedService, Work } from './hosted-service.ts';

const KEPT_MS = 500;
const CHECK_TIMEOUT_MS = 2_000;

export interface HealthChecks {
  read(): Promise<HealthReport>;
  /** From now on every service says that it is draining. */
  drain(): void;
  isDraining(): boolean;
}

export function createHealthChecks(services: readonly HostedService[], work: ReadonlyMap<string, Work>): HealthChecks {
  let draining = false;
  let kept: { readonly atMs: number; readonly report: Promise<HealthReport> } | undefined;
  const readAll = async (): Promise<HealthReport> => {
    const entries = await Promise.all(
      services.map(
        async (service) =>
          [service.definition.name, await readOne(service, work.get(service.definition.name))] as const,
      ),
    );
    return Object.fromEntries(entries);
  };
  return {
    async read() {
      const atMs = performance.now();
      if (kept === undefined || atMs - kept.atMs > KEPT_MS) kept = { atMs, report: readAll() };
      const report = await kept.report;
      if (!draining) return report;
      return Object.fromEntries(Object.entries(report).map(([name, one]) => [name, { ...one, state: 'draining' }]));
    },
    drain() {
      draining = true;
    },
    isDraining: () => draining,
  };
}

async function readOne({ storage }: HostedService, work: Work | undefined): Promise<ServiceHealth> {
  if (storage === undefined) return { state: 'serving', checks: {} };
  const database = await checkDatabase(storage.databases.main);
  const { state, reason } = storage.sequencer.status();
  const stopped = state === 'stopped';
  return {
    state: 'serving',
    checks: {
      database,
      events: stopped ? { ok: false, detail: reason ?? 'stopped' } : { ok: true },
      consumers: checkConsumers(work),
    },
  };
}

/** A consumer that needs a person, because retention has passed it, say. An outage is none: it ends by itself. */
function checkConsumers(work: Work | undefined) {
  const stopped = (work?.consumers ?? []).flatMap((consumer) =>
    consumer.status().runners.filter(({ state, reason }) => state === 'stopped' && reason !== ''),
  );
  return stopped.length === 0 ? { ok: true } : { ok: false, detail: stopped.map(({ reason }) => reason).join('; ') };
}

async function checkDatabase(database: { query(sql: string): Promise<unknown> }) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([database.query('select 1'), late]);
    return { ok: true };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
