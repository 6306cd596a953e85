// A lock between processes that the kernel releases when its holder dies, however it dies: an exclusive transaction on
// an empty SQLite file, which works the same on every platform and leaves no stale lock to judge.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Runs the body while no other process, and nobody else in this one, holds the lock of that file.
 * @throws an Error when the lock is not to be had within `timeoutMs`.
 */
export async function withProcessLock<T>(path: string, timeoutMs: number, body: () => Promise<T>): Promise<T> {
  const giveUpMs = performance.now() + timeoutMs;
  let release = tryProcessLock(path);
  while (release === undefined) {
    if (performance.now() > giveUpMs) {
      throw new Error(`Another process has held ${path} for ${timeoutMs} ms: end it, then try again.`);
    }
    await sleep(POLL_MS);
    release = tryProcessLock(path);
  }
  try {
    return await body();
  } finally {
    release();
  }
}

/** @returns what releases the lock; undefined when somebody holds it. */
export function tryProcessLock(path: string, waitMs = 0): (() => void) | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const lock = new DatabaseSync(path, { timeout: waitMs });
  try {
    // Nothing is ever written, and on a full disk there would be no room for a journal.
    lock.exec('pragma journal_mode = off; begin exclusive');
    return () => lock.close();
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === 5) return undefined;
    throw error;
  }
}
