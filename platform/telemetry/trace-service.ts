// Puts spans around everything a service does, from outside: its definition with each handler wrapped. Without a
// collector the definition is returned as it is, so that nothing is paid for.
import type {
  AnyHandler,
  CallMeta,
  Cause,
  Command,
  Effect,
  Implementation,
  Query,
  Reaction,
  ServiceDefinition,
} from '../service/index.ts';
import { inSpan, type Tracer } from './tracer.ts';

/** Contexts of a batch's causes, each once and at most this many: a collector cuts longer lists off. */
const MOST_LINKS = 32;

export function traceService<Config>(definition: ServiceDefinition<Config>, tracer: Tracer): ServiceDefinition<Config> {
  if (!tracer.enabled) return definition;
  return {
    ...definition,
    rpc: definition.rpc.map((implementation) => traceImplementation(implementation, tracer)),
    reactions: definition.reactions.map((reaction) => traceReaction(reaction, tracer)),
    effects: definition.effects.map((effect) => traceEffect(effect, tracer)),
  };
}

/** A request from outside. @param work gets the cause to hand on: what follows from the request is below its span. */
export function traceRequest<C extends Cause, T>(
  tracer: Tracer,
  name: string,
  cause: C,
  work: (cause: C) => Promise<T>,
): Promise<T> {
  if (!tracer.enabled) return work(cause);
  const options = { kind: 'server', parent: cause.traceparent, attributes: { request_id: cause.requestId } } as const;
  return inSpan(tracer, name, options, (span) => work({ ...cause, traceparent: span.traceparent }));
}

function linksOf(causes: readonly Cause[]): string[] {
  const contexts = causes.flatMap(({ traceparent }) => (traceparent === undefined ? [] : [traceparent]));
  return [...new Set(contexts)].slice(0, MOST_LINKS);
}

/** A batch of one is a child of its cause; a larger one begins a trace of its own, linked to all of them. */
function placeOf(causes: readonly Cause[]): { parent?: string; links: readonly string[] } {
  const links = linksOf(causes);
  const [only] = links;
  return only !== undefined && links.length === 1 ? { parent: only, links: [] } : { links };
}

function traceImplementation({ service, handlers }: Implementation, tracer: Tracer): Implementation {
  const traced = Object.entries(handlers).map(([name, handler]) => {
    const method = service.method[name]?.name ?? name;
    return [name, traceHandler(handler, `${service.typeName}/${method}`, tracer)] as const;
  });
  return { service, handlers: Object.fromEntries(traced) };
}

/** Streams live as long as their callers like: what they do shows in the calls they make. */
function traceHandler(handler: AnyHandler, name: string, tracer: Tracer): AnyHandler {
  if (handler.kind === 'query') return traceQuery(handler, name, tracer);
  return handler.kind === 'command' ? traceCommand(handler, name, tracer) : handler;
}

function traceQuery(handler: Query, name: string, tracer: Tracer): Query {
  return {
    ...handler,
    run: (request, context, meta) =>
      inSpan(tracer, name, { kind: 'server', parent: meta.traceparent }, (span) =>
        handler.run(request, context, { ...meta, traceparent: span.traceparent } satisfies CallMeta),
      ),
  };
}

/** The span of a command is that of its transaction, which calls that arrive together share. */
function traceCommand(handler: Command, name: string, tracer: Tracer): Command {
  return {
    ...handler,
    apply: (items, tx, loaded) => {
      const place = placeOf(items.map(({ meta }) => meta));
      const options = { kind: 'server', ...place, attributes: { 'batch.size': items.length } } as const;
      return inSpan(tracer, `${name} transaction`, options, () => handler.apply(items, tx, loaded));
    },
  };
}

function traceReaction(reaction: Reaction, tracer: Tracer): Reaction {
  return {
    ...reaction,
    apply: (messages, tx, loaded) => {
      const links = linksOf(messages.map(({ cause }) => cause));
      const options = { kind: 'consumer', links, attributes: { 'batch.size': messages.length } } as const;
      return inSpan(tracer, `consume ${reaction.name}`, options, () => reaction.apply(messages, tx, loaded));
    },
  };
}

function traceEffect(effect: Effect, tracer: Tracer): Effect {
  return {
    ...effect,
    perform: (intent, info, context) => {
      const attributes = { 'effect.id': info.id, 'effect.attempt': info.attempt };
      return inSpan(tracer, `perform ${effect.name}`, { kind: 'client', attributes }, async (span) => {
        const performed = await effect.perform(intent, info, context);
        span.set({ outcome: performed.outcome });
        if (performed.outcome !== 'done') span.fail(performed.detail);
        return performed;
      });
    },
  };
}
