// Which services can live in a process without the others: until a process can reach those of another one, whatever a
// service asks or listens to has to be hosted beside it.
import type { ServiceDefinition } from '../service/index.ts';

/** @throws an Error that names what is missing. */
export function refuseOpenSelection(services: readonly ServiceDefinition[]): void {
  const hosted = new Set(services.map(({ name }) => name));
  const missing = new Map<string, string[]>();
  for (const { name, asks = [], reactions } of services) {
    const needed = new Set([...asks, ...reactions.flatMap(({ on }) => on.map(({ owner }) => owner))]);
    for (const other of needed) if (!hosted.has(other)) missing.set(other, [...(missing.get(other) ?? []), name]);
  }
  if (missing.size === 0) return;
  const reasons = [...missing].map(([other, by]) => `${other} (needed by ${by.join(', ')})`);
  throw new Error(
    `These services cannot run without ${reasons.join(' and ')}, which a process cannot reach in another one yet: ` +
      `start ${[...hosted, ...missing.keys()].join(' ')} together.`,
  );
}
