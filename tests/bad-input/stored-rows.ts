// How many rows a started system holds, by table: what was refused must leave all of them as they were.
import { queryDatabase } from '../running-database.ts';
import type { RunningSystem } from '../running-system.ts';

const TABLES: Readonly<Record<string, readonly string[]>> = {
  user: ['users', 'tradepost.outbox'],
  score: ['score_events', 'scores', 'tradepost.outbox'],
  notification: ['notifications', 'tradepost.outbox', 'tradepost.parked_messages'],
  delivery: ['emails', 'attempts', 'tradepost.effects', 'tradepost.outbox', 'tradepost.parked_messages'],
};

/** @returns `{ 'user.users': 3, … }` */
export async function countRows(system: RunningSystem): Promise<Record<string, number>> {
  const counted = Object.entries(TABLES).map(async ([service, tables]) => {
    const counts = tables.map((table) => `(select count(*)::integer from ${table}) as "${service}.${table}"`);
    const [row] = await queryDatabase<Record<string, number>>(system, service, `select ${counts.join(', ')}`);
    return row ?? {};
  });
  return Object.assign({}, ...(await Promise.all(counted)));
}
