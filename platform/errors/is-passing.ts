// Which refusals pass by themselves: the same request, sent again later, may succeed.
import type { Refusal, StatusName } from './refusal.ts';

const PASSING: ReadonlySet<string> = new Set<StatusName>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

/** As gRPC defines its statuses. Repeat only what a repeat does not do twice. */
export function isPassing({ status }: Pick<Refusal, 'status'>): boolean {
  return PASSING.has(status);
}
