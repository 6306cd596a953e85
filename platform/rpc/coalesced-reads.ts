// Reads that are asked one by one but answered together: calls of a method with a `batch` option, made in the same turn
// of the event loop, become one call of its batch method. Only what a service or the staff asks is coalesced: what a
// person may see is decided call by call.
import { type DescMethodUnary, getOption, hasOption, type Message } from '@bufbuild/protobuf';
import { batch as batchOption } from '@tradepost/contracts/options';
import type { Clock } from '../time/index.ts';
import { callerName } from './call.ts';
import { refuseCall } from './call-refusals.ts';
import type { CallOptions } from './client.ts';

type UnaryCall = (request: object, options?: CallOptions) => Promise<Message>;

interface Waiting {
  readonly request: object;
  readonly options: CallOptions | undefined;
  resolve(answer: Message): void;
  reject(error: unknown): void;
}

/** @returns `unary` itself for a method without a batch. @throws when the batch method has another shape: a bug. */
export function coalesceReads(
  method: DescMethodUnary,
  unary: UnaryCall,
  callOf: (method: DescMethodUnary) => UnaryCall,
  clock: Clock,
): UnaryCall {
  if (!hasOption(method, batchOption)) return unary;
  const { method: batchName, max } = getOption(method, batchOption);
  const batchMethod = method.parent.methods.find(({ name }) => name === batchName);
  checkShape(method, batchMethod, batchName);
  const callBatch = callOf(batchMethod as DescMethodUnary);
  const groups = new Map<string, Waiting[]>();

  const flush = (group: string): void => {
    const waiting = groups.get(group) ?? [];
    groups.delete(group);
    const size = max || waiting.length;
    for (let from = 0; from < waiting.length; from += size) {
      void answer(method, waiting.slice(from, from + size), unary, callBatch, clock);
    }
  };
  return (request, options) => {
    const caller = options?.meta?.caller;
    if (caller !== undefined && caller.kind !== 'service' && caller.kind !== 'staff') return unary(request, options);
    return new Promise((resolve, reject) => {
      const group = caller === undefined ? '' : callerName(caller);
      const waiting = groups.get(group);
      const item = { request, options, resolve, reject };
      if (waiting !== undefined) waiting.push(item);
      else {
        groups.set(group, [item]);
        setImmediate(flush, group);
      }
    });
  };
}

function checkShape(method: DescMethodUnary, batchMethod: unknown, batchName: string): void {
  const found = batchMethod as DescMethodUnary | undefined;
  const isFitting =
    found?.methodKind === 'unary' &&
    found.input.field.requests?.message === method.input &&
    found.output.field.results?.fieldKind === 'list';
  if (isFitting) return;
  throw new Error(
    `${method.parent.typeName}.${method.name} names ${batchName} as its batch, which must be a unary method with ` +
      `\`repeated ${method.input.name} requests\` and \`repeated … results\`.`,
  );
}

async function answer(
  method: DescMethodUnary,
  waiting: readonly Waiting[],
  unary: UnaryCall,
  callBatch: UnaryCall,
  clock: Clock,
): Promise<void> {
  const [first, ...others] = waiting as [Waiting, ...Waiting[]];
  if (others.length === 0) {
    unary(first.request, first.options).then(first.resolve, first.reject);
    return;
  }
  for (const item of waiting) limitItem(item, clock);
  try {
    const requests = waiting.map(({ request }) => request);
    const { results } = (await callBatch({ requests }, batchOptions(waiting, clock))) as unknown as {
      results: Record<string, unknown>[];
    };
    if (results.length !== waiting.length) {
      throw new Error(`${method.name}: ${waiting.length} requests in a batch got ${results.length} results.`);
    }
    for (const [index, item] of waiting.entries()) {
      const found = answerOf(method, results[index] as Record<string, unknown>);
      // Asking for itself gives the very refusal that the method gives, and finds what came into being meanwhile.
      if (found === undefined) unary(item.request, item.options).then(item.resolve, item.reject);
      else item.resolve(found);
    }
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}

/** The unary answer with the fields of a result of the same name; undefined when the result has none of them. */
function answerOf(method: DescMethodUnary, result: Record<string, unknown>): Message | undefined {
  const message: Record<string, unknown> = { $typeName: method.output.typeName };
  let isFound = false;
  for (const { localName } of method.output.fields) {
    if (result[localName] === undefined) continue;
    message[localName] = result[localName];
    isFound = true;
  }
  return isFound ? (message as unknown as Message) : undefined;
}

/** The batch runs as long as the most patient of its items; its trace is the first one's. */
function batchOptions(waiting: readonly Waiting[], clock: Clock): CallOptions {
  const deadlinesMs = waiting.map(({ options }) => deadlineOf(options, clock));
  const known = deadlinesMs.filter((deadline) => deadline !== undefined);
  const { idempotencyKey: _, deadlineMs: __, ...meta } = waiting[0]?.options?.meta ?? {};
  return { meta, ...(known.length === waiting.length ? { timeoutMs: Math.max(...known) - clock.monotonicMs() } : {}) };
}

function deadlineOf(options: CallOptions | undefined, clock: Clock): number | undefined {
  const own = options?.timeoutMs === undefined ? undefined : clock.monotonicMs() + options.timeoutMs;
  const given = options?.meta?.deadlineMs;
  return own === undefined || given === undefined ? (own ?? given) : Math.min(own, given);
}

/** Answers an item at its own deadline or cancellation, whatever becomes of the batch. */
function limitItem({ options, reject }: Waiting, clock: Clock): void {
  const deadlineMs = deadlineOf(options, clock);
  if (deadlineMs !== undefined) {
    const timer = setTimeout(() => reject(refuseCall('deadline_exceeded', {})), deadlineMs - clock.monotonicMs());
    timer.unref();
  }
  options?.signal?.addEventListener('abort', () => reject(refuseCall('cancelled', {})), { once: true });
}
