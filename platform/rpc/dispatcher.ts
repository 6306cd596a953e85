// Runs the handlers of every service that this process hosts. Each transport ends here, so deadline, validation,
// guards, metrics and the form of errors are the same on all of them.
import {
  create,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { CommandRunner } from '../commands/index.ts';
import type { Context } from '../service/context.ts';
import type { Command, Implementation, Query } from '../service/feature.ts';
import { systemClock } from '../time/index.ts';
import type { Call, Transport } from './call.ts';
import { handlerContexts } from './call-context.ts';
import { refusalOfError } from './call-errors.ts';
import { refuseIfLate, withinLimits } from './call-limits.ts';
import { refuseCall } from './call-refusals.ts';
import { type Dispatch, type DispatcherOptions, passGuards, type Served } from './dispatch.ts';
import { dispatchStream } from './dispatch-stream.ts';
import { observedCall } from './observer.ts';
import { refusalOfRequest } from './validate-request.ts';

export interface ServedService {
  readonly implementations: readonly Implementation[];
  readonly context: Context;
  /** Needed by services with commands. */
  readonly commands?: CommandRunner;
}

export interface Dispatcher extends Transport {
  /** Adds a service. @throws when a method has no handler or is served already. */
  serve(service: ServedService): void;
  serves(service: DescService): boolean;
  services(): readonly DescService[];
  /** Calls that are running. */
  inFlight(): number;
  /** Refuses new calls and ends streams from now on; resolves when the running calls have ended. */
  drain(): Promise<void>;
}

const KINDS = {
  unary: ['query', 'command'],
  server_streaming: ['server-stream'],
  client_streaming: ['client-stream'],
  bidi_streaming: ['duplex-stream'],
} as const;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const clock = options.clock ?? systemClock;
  const served = new Map<DescMethod, Served>();
  const services: DescService[] = [];
  let running = 0;
  let isDraining = false;
  let onIdle: (() => void) | undefined;

  const dispatch: Dispatch = {
    options,
    clock,
    streams: new Set(),
    admit: (method) => {
      const found = served.get(method);
      if (found === undefined)
        throw refuseCall('unimplemented', { method: `${method.parent.typeName}.${method.name}` });
      if (isDraining) throw refuseCall('draining', {}, { retryAfterSeconds: 1 });
      return found;
    },
    begin: (method, call) => {
      running += 1;
      const observed = observedCall('server', method);
      options.observer?.started?.(observed);
      const startedMs = clock.monotonicMs();
      return (code) => {
        running -= 1;
        if (running === 0) onIdle?.();
        const seconds = (clock.monotonicMs() - startedMs) / 1000;
        options.observer?.handled?.(observed, code, seconds, call.meta.requestId);
      };
    },
  };

  return {
    serve: ({ implementations, context, commands }) => {
      const createContext = handlerContexts(context, commands);
      for (const { service, handlers } of implementations) {
        for (const method of service.methods) {
          const handler = handlers[method.localName];
          const name = `${service.typeName}.${method.name}`;
          if (handler === undefined) throw new Error(`${name} has no handler.`);
          if (!(KINDS[method.methodKind] as readonly string[]).includes(handler.kind)) {
            throw new Error(`${name} is ${method.methodKind}, which a ${handler.kind} cannot serve.`);
          }
          if (served.has(method)) throw new Error(`${name} is served already.`);
          if (handler.kind === 'command' && commands === undefined) {
            throw new Error(`${name} is a command, but its service has no database to run it in.`);
          }
          served.set(method, { handler, createContext, commands });
        }
        services.push(service);
      }
    },
    serves: (service) => services.includes(service),
    services: () => services,
    unary: (method, request, call) => dispatchUnary(dispatch, method, request, call) as never,
    stream: (method, requests, call) => dispatchStream(dispatch, method, requests, call),
    inFlight: () => running,
    drain: async () => {
      isDraining = true;
      // A stream may have no end of its own: it is told to be opened again elsewhere.
      for (const stop of dispatch.streams) stop(refuseCall('draining', {}, { retryAfterSeconds: 1 }));
      if (running === 0) return;
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    },
  };
}

async function dispatchUnary(
  dispatch: Dispatch,
  method: DescMethodUnary,
  request: Message,
  call: Call,
): Promise<Message> {
  const { options, clock } = dispatch;
  const end = dispatch.begin(method, call);
  try {
    const { handler, createContext, commands } = dispatch.admit(method);
    refuseIfLate(call, clock);
    const context = createContext();
    const run = async (): Promise<Message> => {
      if (options.guards !== undefined) await passGuards(options.guards, method, call);
      const refusal = refusalOfRequest(method.input, request);
      if (refusal !== undefined) throw refusal;
      if (handler.kind === 'command') return await runCommand(handler, commands, request, call);
      return create(method.output, await (handler as Query).run(request, context, call.meta));
    };
    const work = options.around === undefined ? run() : options.around({ ...call, method }, run);
    const answer = await withinLimits(work, call, clock, (reason) => context.abort(reason));
    end('OK');
    return answer;
  } catch (error) {
    const refusal = refusalOfError(error, call.meta, `${method.parent.typeName}.${method.name}`, options.log);
    end(refusal.status);
    throw refusal;
  }
}

async function runCommand(
  command: Command,
  commands: CommandRunner | undefined,
  request: Message,
  call: Call,
): Promise<MessageShape<DescMethodUnary['output']>> {
  const settled = await (commands as CommandRunner).run(command, { request, meta: call.meta }, call.signal);
  if (settled.replayed) call.onReplayed?.();
  if ('refused' in settled) throw settled.refused;
  return settled.ok;
}
