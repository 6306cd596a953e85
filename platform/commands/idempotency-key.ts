// What an idempotency key stands for: a caller, a method and a key, and the request that it was first used with.
// Anonymous callers cannot be told apart, so their key holds for one request only.
import { hash } from 'node:crypto';
import { type DescMethodUnary, toBinary } from '@bufbuild/protobuf';
import { callerName } from '../rpc/index.ts';
import type { CommandItem } from '../service/index.ts';

export const MAX_KEY_LENGTH = 255;

export interface Identity {
  /** UUID text. */
  readonly id: string;
  /** Number of the advisory lock. */
  readonly lock: bigint;
  readonly requestHash: Buffer;
}

/** @returns undefined for an item without a key. */
export function identityOf(method: DescMethodUnary, { request, meta }: CommandItem<never>): Identity | undefined {
  const key = meta.idempotencyKey;
  if (key === undefined || key === '') return undefined;
  const requestHash = hash('sha256', toBinary(method.input, request), 'buffer');
  const caller = callerName(meta.caller);
  const scope = meta.caller.kind === 'anonymous' ? `${caller}:${requestHash.toString('hex')}` : caller;
  const digest = hash('sha256', `${scope}\0${method.parent.typeName}\0${method.name}\0${key}`, 'buffer');
  const hex = digest.toString('hex', 0, 16);
  return {
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    lock: digest.readBigInt64BE(0),
    requestHash,
  };
}

export function isValidKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && !key.includes('\0');
}

/**
 * The key of one item among many under one key, by its place. A hash: it is never too long, and never the key that
 * somebody gave to an item of their own. An impossible key stays impossible.
 */
export function keyOfPlace(key: string, place: number): string {
  return isValidKey(key) ? `place:${hash('sha256', `${key}\0${place}`)}` : key;
}
