// Places where a test may kill, stop or break the process. Without `TRADEPOST_FAILPOINTS` each costs one comparison.
//
// `TRADEPOST_FAILPOINTS=command.before-commit=kill@3,effect.after-record=throw` acts at the n-th passing, `@*` at each.
// `TRADEPOST_PLANT=inbox-off` switches on a planted bug: the checker of the crash tests must find it.

export type FailpointAction = 'kill' | 'throw' | 'stop';

interface Armed {
  readonly action: FailpointAction;
  /** Passing at which to act; 0 means every one. */
  readonly at: number;
  passed: number;
}

const armed = new Map<string, Armed>();
const plants = new Set((process.env.TRADEPOST_PLANT ?? '').split(',').filter((name) => name !== ''));

for (const entry of (process.env.TRADEPOST_FAILPOINTS ?? '').split(',').filter((text) => text !== '')) {
  const [name = '', rest = 'kill'] = entry.split('=');
  const [action = 'kill', at = '1'] = rest.split('@');
  armFailpoint(name, action as FailpointAction, at === '*' ? 0 : Number(at));
}

export class FailpointError extends Error {
  override readonly name = 'FailpointError';
}

/** Arms a failpoint in this process. @param at the passing at which to act, from 1; 0 means every one. */
export function armFailpoint(name: string, action: FailpointAction, at = 1): void {
  armed.set(name, { action, at, passed: 0 });
}

export function disarmFailpoints(): void {
  armed.clear();
}

/**
 * Marks a place by name, `<part>.<moment>`: `consumer.before-commit`.
 * @param of whose passing it is; `consumer.before-commit/order.payments` is armed for that one alone.
 */
export function failpoint(name: string, of?: string): void {
  if (armed.size === 0) return;
  const point = armed.get(name) ?? (of === undefined ? undefined : armed.get(`${name}/${of}`));
  if (point === undefined) return;
  point.passed += 1;
  if (point.at !== 0 && point.passed !== point.at) return;
  if (point.action === 'throw') throw new FailpointError(`failpoint ${name}`);
  process.kill(process.pid, point.action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}

/** Whether a planted bug is switched on. */
export function planted(name: string): boolean {
  return plants.size > 0 && plants.has(name);
}
