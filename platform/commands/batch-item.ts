// One call that waits in a batch. A key that is repeated within the batch is run once, for all who sent it.
import type { Message } from '@bufbuild/protobuf';
import type { Refusal } from '../errors/index.ts';
import type { CommandItem, Settled } from '../service/index.ts';
import { refuseCommand } from './command-refusals.ts';
import type { Identity } from './idempotency-key.ts';

export interface BatchItem {
  readonly item: CommandItem<Message>;
  readonly identity: Identity | undefined;
  /** Why nobody wants it to be run any more; undefined while somebody does. */
  unwanted(): Refusal | undefined;
  resolve(settled: Settled<Message>): void;
  reject(error: unknown): void;
}

/** A key that is repeated within the batch is answered as its first item is; the items left have a key each. */
export function firstOfEachKey(batch: readonly BatchItem[]): BatchItem[] {
  const leaders = new Map<string, { followers: BatchItem[]; identity: Identity }>();
  const first: BatchItem[] = [];
  for (const entry of batch) {
    const { identity } = entry;
    const leader = identity === undefined ? undefined : leaders.get(identity.id);
    if (identity === undefined) first.push(entry);
    else if (leader === undefined) {
      const followers: BatchItem[] = [];
      leaders.set(identity.id, { followers, identity });
      first.push(leading(entry, followers));
    } else if (leader.identity.requestHash.equals(identity.requestHash)) leader.followers.push(entry);
    else entry.resolve({ refused: refuseCommand('idempotency_key_reused', {}), replayed: false });
  }
  return first;
}

function leading(entry: BatchItem, followers: readonly BatchItem[]): BatchItem {
  return {
    ...entry,
    unwanted: () => {
      const reason = entry.unwanted();
      return followers.every((follower) => follower.unwanted() !== undefined) ? reason : undefined;
    },
    resolve: (settled) => {
      entry.resolve(settled);
      for (const follower of followers) follower.resolve({ ...settled, replayed: true });
    },
    reject: (error) => {
      entry.reject(error);
      for (const follower of followers) follower.reject(error);
    },
  };
}
