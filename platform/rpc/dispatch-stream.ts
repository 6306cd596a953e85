// The three kinds of stream as one: requests in, answers out through a bounded pipe. A stream ends for its caller at
// once when it is cancelled, too late, idle or too old; its handler learns it by its signal and its requests.
import { create, type DescMethod, type Message } from '@bufbuild/protobuf';
import type { StatusName } from '../errors/index.ts';
import type { AnyHandler, ClientStream, DuplexStream, ServerStream } from '../service/feature.ts';
import type { Call } from './call.ts';
import type { HandlerContext } from './call-context.ts';
import { refusalOfError } from './call-errors.ts';
import { after, refusalOfAbort, refuseIfLate } from './call-limits.ts';
import { refuseCall } from './call-refusals.ts';
import { type Dispatch, passGuards } from './dispatch.ts';
import { observedCall } from './observer.ts';
import { createPipe, type Pipe } from './pipe.ts';
import { refusalOfRequest } from './validate-request.ts';

const DEFAULT_BUFFER = 32;
const DEFAULT_IDLE_MS = 15 * 60_000;
const DEFAULT_LIFE_MS = 2 * 60 * 60_000;

/** The life of one stream: why it stopped, and what is told when it does. */
interface Life {
  stopped: Error | undefined;
  /** Something moved. */
  touch(): void;
  end(): void;
}

export function dispatchStream(
  dispatch: Dispatch,
  method: DescMethod,
  requests: AsyncIterable<Message>,
  call: Call,
): AsyncIterable<Message> {
  const { options } = dispatch;
  const end = dispatch.begin(method, call);
  const source = requests[Symbol.asyncIterator]();
  let life: Life | undefined;
  const answers = createPipe<Message>(options.streamBuffer ?? DEFAULT_BUFFER, () => stop(refuseCall('cancelled', {})));
  let context: HandlerContext | undefined;
  let isEnded = false;
  const finish = (code: StatusName | 'OK'): void => {
    if (isEnded) return;
    isEnded = true;
    life?.end();
    dispatch.streams.delete(stop);
    void source.return?.();
    end(code);
  };
  const stop = (reason: Error): void => {
    if (isEnded || life?.stopped !== undefined) return;
    if (life !== undefined) life.stopped = reason;
    context?.abort(reason);
    answers.abort(reason);
    // Wakes a handler that waits for a request.
    void source.return?.();
  };

  const run = async (): Promise<void> => {
    try {
      const served = dispatch.admit(method);
      refuseIfLate(call, dispatch.clock);
      life = startLife(dispatch, call, stop);
      dispatch.streams.add(stop);
      context = served.createContext();
      if (options.guards !== undefined) await passGuards(options.guards, method, call);
      const checked = checkRequests(dispatch, method, source, life);
      await runHandler(dispatch, served.handler, method, checked, answers, { context, call, life });
      if (life.stopped !== undefined) throw life.stopped;
      answers.end();
      finish('OK');
    } catch (error) {
      const name = `${method.parent.typeName}.${method.name}`;
      const refusal = refusalOfError(life?.stopped ?? error, call.meta, name, options.log);
      answers.fail(refusal);
      finish(refusal.status);
    }
  };
  void (options.around === undefined ? run() : options.around({ ...call, method }, run));
  return answers;
}

function startLife({ options, clock }: Dispatch, call: Call, stop: (reason: Error) => void): Life {
  const idleMs = options.streamIdleMs ?? DEFAULT_IDLE_MS;
  const { deadlineMs } = call.meta;
  let movedMs = clock.monotonicMs();
  const timers = [after(options.streamLifeMs ?? DEFAULT_LIFE_MS, () => stop(refuseCall('stream_expired', {})))];
  if (deadlineMs !== undefined) {
    timers.push(after(deadlineMs - movedMs, () => stop(refuseCall('deadline_exceeded', {}))));
  }
  // One timer that looks how long ago something moved, rather than one anew for every message.
  let stopIdle = (): void => {};
  const watchIdle = (ms: number): void => {
    stopIdle = after(ms, () => {
      const restMs = movedMs + idleMs - clock.monotonicMs();
      if (restMs <= 0) stop(refuseCall('stream_idle', {}));
      else watchIdle(restMs);
    });
  };
  watchIdle(idleMs);
  const onAbort = (): void => stop(refusalOfAbort(call, clock));
  call.signal?.addEventListener('abort', onAbort, { once: true });
  return {
    stopped: undefined,
    touch: () => {
      movedMs = clock.monotonicMs();
    },
    end: () => {
      for (const release of timers) release();
      stopIdle();
      call.signal?.removeEventListener('abort', onAbort);
    },
  };
}

async function* checkRequests(
  { options }: Dispatch,
  method: DescMethod,
  source: AsyncIterator<Message>,
  life: Life,
): AsyncGenerator<Message> {
  const observed = observedCall('server', method);
  for (;;) {
    const { done, value } = await source.next();
    // A stream that was stopped has not ended well: its handler must not take it for a half-close.
    if (life.stopped !== undefined) throw life.stopped;
    if (done === true) return;
    life.touch();
    options.observer?.received?.(observed);
    const refusal = refusalOfRequest(method.input, value);
    if (refusal !== undefined) throw refusal;
    yield value;
  }
}

async function runHandler(
  { options }: Dispatch,
  handler: AnyHandler,
  method: DescMethod,
  requests: AsyncGenerator<Message>,
  answers: Pipe<Message>,
  { context, call, life }: { context: HandlerContext; call: Call; life: Life },
): Promise<void> {
  const observed = observedCall('server', method);
  const send = (init: object): Promise<boolean> => {
    life.touch();
    options.observer?.sent?.(observed);
    return answers.push(create(method.output, init as never));
  };
  if (handler.kind === 'client-stream') {
    await send(await (handler as ClientStream).run(requests, context, call.meta));
    return;
  }
  let outputs: AsyncIterable<object>;
  if (handler.kind === 'server-stream') {
    const first = await requests.next();
    if (first.done === true) throw refuseCall('malformed_request', {});
    outputs = (handler as ServerStream).run(first.value, context, call.meta);
  } else outputs = (handler as DuplexStream).run(requests, context, call.meta);
  for await (const output of outputs) if (!(await send(output))) return;
}
