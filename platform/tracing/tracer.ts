// Spans, for whoever collects them. Without a collector a span is a constant that hands its parent's context on, so
// that tracing which is switched off costs nothing; the SDK is loaded only when an endpoint is configured.
import { AsyncLocalStorage } from 'node:async_hooks';
import { newTraceparent } from './traceparent.ts';

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** Default `internal`. */
  readonly kind?: SpanKind;
  /** The context of the parent; without it a new trace begins. */
  readonly parent?: string | undefined;
  /** Contexts that this span follows from without being their child: the messages of a batch. */
  readonly links?: readonly (string | undefined)[];
  readonly attributes?: Attributes;
}

export interface Span {
  /** To hand on: in headers, in the outbox, to the spans within. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  /** Marks the span as failed; it still has to be ended. */
  fail(error: unknown): void;
  end(): void;
}

export interface Tracer {
  /** Whether spans go anywhere: what is costly to compute for a span is left out when not. */
  readonly enabled: boolean;
  /** Names say the kind of work and never an id: `POST /api/v1/users`, `consume notification.score-events`. */
  startSpan(name: string, options?: SpanOptions): Span;
  close(): Promise<void>;
}

export interface TracerOptions {
  /** Base URL of an OTLP receiver; absent: traces are off. */
  readonly endpoint?: string | undefined;
  /** Name of this process in the traces. */
  readonly serviceName?: string;
}

const nothing = (): void => {};

export const offTracer: Tracer = {
  enabled: false,
  startSpan: (_name, options) => ({
    traceparent: options?.parent ?? newTraceparent(false),
    set: nothing,
    fail: nothing,
    end: nothing,
  }),
  close: async () => {},
};

export async function openTracer(options: TracerOptions): Promise<Tracer> {
  if (options.endpoint === undefined) return offTracer;
  const { openOtlpTracer } = await import('./otlp-tracer.ts');
  return openOtlpTracer(options.endpoint, options.serviceName ?? 'tradepost');
}

const current = new AsyncLocalStorage<string>();

/** The context of the span that the present work runs in; undefined outside `inSpan`. */
export function currentTraceparent(): string | undefined {
  return current.getStore();
}

/** Runs the work in a span, which fails when the work throws. */
export async function inSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, options);
  try {
    return await current.run(span.traceparent, work, span);
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
