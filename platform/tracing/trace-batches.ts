// Spans of what takes several messages or calls at once: where such a span belongs, and what it writes.
import type { Cause, CommandItem, Transaction } from '../service/index.ts';
import { traceIdOf } from './traceparent.ts';
import type { Span, SpanOptions, Tracer } from './tracer.ts';

/** Contexts of a batch's causes, each once and at most this many: a collector cuts longer lists off. */
const MOST_LINKS = 32;

export type BatchPlace = Pick<SpanOptions, 'parent' | 'links' | 'attributes'>;

/** A batch with one cause is a child of it; any other begins a trace of its own, linked to all of them. */
export function placeOf(causes: readonly Cause[]): BatchPlace {
  const contexts = new Set<string>();
  for (const { traceparent } of causes) if (traceparent !== undefined) contexts.add(traceparent);
  const attributes = { 'batch.size': causes.length };
  if (contexts.size === 1) return { parent: [...contexts][0], attributes };
  return { links: [...contexts].slice(0, MOST_LINKS), attributes };
}

export const placeOfItems = (items: readonly CommandItem<unknown>[]): BatchPlace =>
  placeOf(items.map(({ meta }) => meta));

/**
 * A transaction whose events each have a span of their own and carry its context. What is published never leaves the
 * trace of its cause, also where the batch's span is in another one.
 */
export function traceTransaction(tx: Transaction, tracer: Tracer, batch: Span): Transaction {
  const below = (cause: Cause): SpanOptions =>
    traceIdOf(cause.traceparent) === traceIdOf(batch.traceparent) || cause.traceparent === undefined
      ? { parent: batch.traceparent }
      : { parent: cause.traceparent, links: [batch.traceparent] };
  return {
    ...tx,
    publish(event, payload, cause) {
      const span = tracer.startSpan(`publish ${event.topic}`, {
        ...below(cause),
        kind: 'producer',
        attributes: { 'event.type': event.type },
      });
      try {
        tx.publish(event, payload, { ...cause, traceparent: span.traceparent });
      } catch (error) {
        span.fail(error);
        throw error;
      } finally {
        span.end();
      }
    },
    intend(effect, intent, options) {
      const cause = { ...options.cause, traceparent: below(options.cause).parent as string };
      tx.intend(effect, intent, { ...options, cause });
    },
  };
}
