// Runs a service's commands: calls of one method that are waiting together share a transaction, each with its own
// deadline, idempotency key and outcome.
import type { DescMethodUnary, Message, MessageShape } from '@bufbuild/protobuf';
import { refusalOfError, refuseCall } from '../rpc/index.ts';
import type { Command, CommandItem, Context, Logger, Settled } from '../service/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import { type Coalescer, createCoalescer } from './coalescer.ts';
import { refuseCommand } from './command-refusals.ts';
import { identityOf, isValidKey, MAX_KEY_LENGTH } from './idempotency-key.ts';
import { type BatchItem, runBatch, type Transactions } from './run-batch.ts';

const DEFAULT_MAX_BATCH = 200;

export interface CommandObserver {
  /** A batch left its queue. @param method proto name. */
  batched?(method: string, size: number, waiting: number): void;
}

export interface CommandRunnerOptions {
  readonly transactions: Transactions;
  /** Given to `load`. */
  readonly context: Context;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly observer?: CommandObserver;
  /** Transactions of one method at once. Default 2: one gathers while the other commits. */
  readonly slots?: number;
  /** Calls of one method that may wait. Default 5000. */
  readonly queueLimit?: number;
}

export interface CommandRunner {
  /**
   * Runs one item. @param signal when aborted before the item runs, it is dropped.
   * @throws Refusal when it was not run (overload, deadline); what `apply` threw: a bug; `CommitUnknownError`.
   */
  run<M extends DescMethodUnary>(
    command: Command<M>,
    item: CommandItem<MessageShape<M['input']>>,
    signal?: AbortSignal,
  ): Promise<Settled<MessageShape<M['output']>>>;
  /** Runs many, each settled for itself, in order; never rejects. */
  runMany<M extends DescMethodUnary>(
    command: Command<M>,
    items: readonly CommandItem<MessageShape<M['input']>>[],
  ): Promise<Settled<MessageShape<M['output']>>[]>;
  waiting(): number;
  /** Resolves when all that was taken in is settled. */
  close(): Promise<void>;
}

interface Waiting extends BatchItem {
  readonly signal: AbortSignal | undefined;
}

export function createCommandRunner(options: CommandRunnerOptions): CommandRunner {
  const { transactions, context, log, clock = systemClock, slots = 2, queueLimit = 5000 } = options;
  const queues = new Map<Command, Coalescer<Waiting>>();

  const queueOf = (command: Command): Coalescer<Waiting> => {
    let queue = queues.get(command);
    if (queue === undefined) {
      const runWaiting = async (batch: Waiting[]): Promise<void> => {
        const live = batch.filter((item) => isWanted(item, clock));
        options.observer?.batched?.(command.method.name, live.length, queue?.waiting() ?? 0);
        if (live.length > 0) await runBatch({ transactions, context }, command, live);
      };
      const { orderBy, maxBatch = DEFAULT_MAX_BATCH } = command;
      const keyOf = orderBy && ((waiting: Waiting) => orderBy(waiting.item.request as never));
      queue = createCoalescer({ slots, maxBatch, queueLimit, run: runWaiting, ...(keyOf && { keyOf }) });
      queues.set(command, queue);
    }
    return queue;
  };

  const run = (
    command: Command,
    item: CommandItem<Message>,
    signal: AbortSignal | undefined,
  ): Promise<Settled<Message>> =>
    new Promise((resolve, reject) => {
      const key = item.meta.idempotencyKey;
      if (key !== undefined && !isValidKey(key))
        throw refuseCommand('invalid_idempotency_key', { max: MAX_KEY_LENGTH });
      const identity = identityOf(command.method, item as CommandItem<never>);
      if (!queueOf(command).add({ item, identity, signal, resolve, reject })) {
        throw refuseCommand('overloaded', {}, { retryAfterSeconds: 1 });
      }
    });

  return {
    run: (command, item, signal) => run(command as unknown as Command, item, signal) as never,
    runMany: (command, items) =>
      Promise.all(
        items.map((item) =>
          run(command as unknown as Command, item, undefined).catch((error) => ({
            refused: refusalOfError(error, item.meta, command.method.name, log),
            replayed: false,
          })),
        ),
      ) as never,
    waiting: () => queues.values().reduce((sum, queue) => sum + queue.waiting(), 0),
    close: async () => {
      await Promise.all(queues.values().map((queue) => queue.idle()));
    },
  };
}

/** What came too late, or is wanted by nobody any more, is answered without being run. */
function isWanted({ item, signal, reject }: Waiting, clock: Clock): boolean {
  const { deadlineMs } = item.meta;
  if (signal?.aborted) reject(refuseCall('cancelled', {}));
  else if (deadlineMs !== undefined && deadlineMs <= clock.monotonicMs()) reject(refuseCall('deadline_exceeded', {}));
  else return true;
  return false;
}
