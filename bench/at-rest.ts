// What the whole system holds while nothing happens: memory of Node and of every PostgreSQL process, and connections.
import { setTimeout as sleep } from 'node:timers/promises';
import { startBenchSystem } from './bench-system.ts';
import type { Bench, Round } from './measure.ts';
import { memoryOf } from './processes.ts';

const REST_MS = 10_000;

const CONNECTIONS = `
  select count(*)::integer as connections from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid()`;

export const atRest: Bench = {
  name: 'rest-state',
  summary: 'memory and connections, ten seconds after the start',
  async run(_effort, measure) {
    const readings: { pss: number; rss: number; node: number; connections: number }[] = [];
    const read = async (): Promise<void> => {
      const system = await startBenchSystem();
      try {
        await sleep(REST_MS);
        const all = memoryOf([system.pid, system.postgresPid]);
        const node = memoryOf([system.pid], true);
        const client = await system.database('score');
        const { rows } = await client.query(CONNECTIONS);
        if (all === undefined || node === undefined) throw new Error('Memory can be read on Linux only.');
        readings.push({ pss: all.pssMb, rss: all.rssMb, node: node.pssMb, connections: rows[0].connections });
      } finally {
        await system.close();
      }
    };
    /** Each start is read once and shown in several rows. */
    const rowOf = (field: keyof (typeof readings)[number]): Round => {
      let next = 0;
      return async () => {
        if (readings[next] === undefined) await read();
        const value = readings[next]?.[field] as number;
        next += 1;
        return { value, operations: 1 };
      };
    };
    await measure({ name: 'memory at rest, all (PSS)', unit: 'MB', product: rowOf('pss'), goal: { atMost: 300 } });
    await measure({ name: 'memory at rest, all (RSS, shared pages repeated)', unit: 'MB', product: rowOf('rss') });
    await measure({ name: 'memory at rest, Node alone', unit: 'MB', product: rowOf('node') });
    await measure({
      name: 'database connections at rest',
      unit: '',
      product: rowOf('connections'),
      goal: { atMost: 20 },
    });
  },
};
