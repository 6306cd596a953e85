// Puts spans around what a service does by itself, from outside: its definition with reactions and effects wrapped, and
// its commands where they run. Without a collector everything is handed back as it is, so that nothing is paid for.
import type { CommandRunner } from '../commands/index.ts';
import type { Command, Effect, PerformInfo, Reaction, ServiceDefinition } from '../service/index.ts';
import { placeOf, placeOfItems, traceTransaction } from './trace-batches.ts';
import { inSpan, type Tracer } from './tracer.ts';

export function traceService<Config>(definition: ServiceDefinition<Config>, tracer: Tracer): ServiceDefinition<Config> {
  if (!tracer.enabled) return definition;
  return {
    ...definition,
    reactions: definition.reactions.map((reaction) => traceReaction(reaction, tracer)),
    effects: definition.effects.map((effect) => traceEffect(effect, tracer)),
  };
}

/** Every way to a command leads through its runner: single calls, lists and streams share transactions and spans. */
export function traceCommands(commands: CommandRunner, tracer: Tracer): CommandRunner {
  if (!tracer.enabled) return commands;
  // The runner knows a command by its identity.
  const known = new WeakMap<object, Command>();
  const traced = <C extends object>(command: C): C => {
    const found = known.get(command) ?? traceCommand(command as unknown as Command, tracer);
    known.set(command, found);
    return found as unknown as C;
  };
  return {
    ...commands,
    run: (command, item, signal) => commands.run(traced(command), item, signal),
    runMany: (command, items) => commands.runMany(traced(command), items),
  };
}

function traceCommand(command: Command, tracer: Tracer): Command {
  const { load, method } = command;
  const name = `${method.parent.typeName}/${method.name}`;
  return {
    ...command,
    ...(load && {
      load: (items, context) => inSpan(tracer, `load ${name}`, placeOfItems(items), () => load(items, context)),
    }),
    apply: (items, tx, loaded) =>
      inSpan(tracer, `transaction ${name}`, placeOfItems(items), (span) =>
        command.apply(items, traceTransaction(tx, tracer, span), loaded),
      ),
  };
}

function traceReaction(reaction: Reaction, tracer: Tracer): Reaction {
  const { load, name } = reaction;
  const placeOfMessages = (messages: Parameters<Reaction['apply']>[0]) => placeOf(messages.map(({ cause }) => cause));
  return {
    ...reaction,
    ...(load && {
      load: (messages, context) =>
        inSpan(tracer, `load ${name}`, placeOfMessages(messages), () => load(messages, context)),
    }),
    apply: (messages, tx, loaded) =>
      inSpan(tracer, `consume ${name}`, { kind: 'consumer', ...placeOfMessages(messages) }, (span) =>
        reaction.apply(messages, traceTransaction(tx, tracer, span), loaded),
      ),
  };
}

function traceEffect(effect: Effect, tracer: Tracer): Effect {
  const { name } = effect;
  // What an attempt publishes is below the attempt.
  const attempts = new WeakMap<PerformInfo, string>();
  return {
    ...effect,
    perform: (intent, info, context) => {
      const attributes = { 'effect.id': info.id, 'effect.attempt': info.attempt };
      const options = { kind: 'client', parent: info.cause.traceparent, attributes } as const;
      return inSpan(tracer, `perform ${name}`, options, async (span) => {
        attempts.set(info, span.traceparent);
        const performed = await effect.perform(intent, info, context);
        span.set({ outcome: performed.outcome });
        if (performed.outcome !== 'done') span.fail(performed.detail);
        return performed;
      });
    },
    record: (ended, tx) => {
      const placed = ended.map((attempt) => {
        const parent = attempts.get(attempt.info) ?? attempt.cause.traceparent;
        return parent === undefined ? attempt : { ...attempt, cause: { ...attempt.cause, traceparent: parent } };
      });
      return inSpan(tracer, `record ${name}`, placeOf(placed.map(({ cause }) => cause)), (span) =>
        effect.record(placed, traceTransaction(tx, tracer, span)),
      );
    },
  };
}
