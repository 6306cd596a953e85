// Whether anything is left to do: asked of the databases, never of what a loop believes.
import { readPending } from '../events/index.ts';
import type { HostedService, Work } from './hosted-service.ts';

/** What keeps the system from rest; nothing when it is at rest. */
export async function findUnsettled(
  services: readonly HostedService[],
  work: ReadonlyMap<string, Work>,
): Promise<string[]> {
  const left: string[] = [];
  for (const { definition, storage } of services) {
    if (storage === undefined) continue;
    const { count } = await readPending(storage.databases.pipeline);
    if (count > 0) left.push(`${definition.name}: ${count} events to log`);
    const running = work.get(definition.name);
    for (const consumer of running?.consumers ?? []) {
      const { behind, due } = await consumer.backlog();
      if (behind > 0n) left.push(`${consumer.name}: ${behind} events behind`);
      if (due > 0) left.push(`${consumer.name}: ${due} parked messages due`);
    }
    for (const [name, { due }] of (await running?.effects?.counts()) ?? []) {
      if (due > 0) left.push(`${name}: ${due} effects due`);
    }
  }
  return left;
}

/** @throws when rest is not reached in time, with what is left. */
export async function settle(
  services: readonly HostedService[],
  work: ReadonlyMap<string, Work>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let quiet = 0;
  for (;;) {
    const left = await findUnsettled(services, work);
    // Twice in a row: one service may hand on to another that was asked before.
    quiet = left.length === 0 ? quiet + 1 : 0;
    if (quiet === 2) return;
    if (performance.now() > deadline) throw new Error(`Not at rest after ${timeoutMs} ms: ${left.join('; ')}`);
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
