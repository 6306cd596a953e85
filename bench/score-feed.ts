// The people and the score events of all measures: decided by a seed, the same for baseline and product.
import { UserService } from '@tradepost/contracts/user';
import type pg from 'pg';
import type { Connection } from '../cli/connect.ts';
import { seededRandom } from '../cli/imports/load-scores.ts';

export const PEOPLE = 1000;
const AT_ONCE = 50;

export interface FeedEvent {
  readonly userId: bigint;
  readonly newScore: number;
  readonly change: number;
}

/** Registers people through the product. @returns their ids. */
export async function registerPeople(connection: Connection): Promise<bigint[]> {
  const client = connection.client(UserService);
  const ids: bigint[] = [];
  for (let start = 0; start < PEOPLE; start += AT_ONCE) {
    const made = Array.from({ length: AT_ONCE }, async (_, place) => {
      const number = start + place;
      const { user } = await client.createUser({ name: `Bench ${number}`, email: `bench-${number}@example.com` });
      if (user !== undefined) ids.push(user.id);
    });
    await Promise.all(made);
  }
  return ids;
}

/** Puts people into a baseline's table. @returns their ids. */
export async function insertPeople(client: pg.Client): Promise<bigint[]> {
  const ids = Array.from({ length: PEOPLE }, (_, place) => BigInt(place + 1));
  await client.query(`insert into people (user_id, revision) select *, 1 from unnest($1::bigint[])`, [ids]);
  return ids;
}

/**
 * An endless feed about the given people.
 * @param silent no change is large enough for a congratulation.
 */
export function createFeed(ids: readonly bigint[], seed: number, silent = true): () => FeedEvent {
  const random = seededRandom(seed);
  return () => {
    const userId = ids[Math.floor(random() * ids.length)] as bigint;
    const change = silent ? Math.floor(random() * 21) - 10 : 11 + Math.floor(random() * 20);
    return { userId, newScore: 300 + Math.floor(random() * 500), change };
  };
}
