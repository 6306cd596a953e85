// Runs a service's commands: calls of one method that are waiting together share a transaction, each with its own
// deadline, idempotency key and outcome.
import type { DescMethodUnary, Message, MessageShape } from '@bufbuild/protobuf';
import type { Refusal } from '../errors/index.ts';
import type { Transactions } from '../events/index.ts';
import { refusalOfError, refuseCall } from '../rpc/index.ts';
import type { Command, CommandItem, Context, Logger, Settled } from '../service/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import { type Coalescer, createCoalescer } from './coalescer.ts';
import { refuseCommand } from './command-refusals.ts';
import { identityOf, isValidKey, MAX_KEY_LENGTH } from './idempotency-key.ts';
import { type BatchItem, runBatch } from './run-batch.ts';

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

export function createCommandRunner(options: CommandRunnerOptions): CommandRunner {
  const { transactions, context, log, clock = systemClock, slots = 2, queueLimit = 5000 } = options;
  const queues = new Map<Command, Coalescer<BatchItem>>();

  const queueOf = (command: Command): Coalescer<BatchItem> => {
    let queue = queues.get(command);
    if (queue === undefined) {
      const { orderBy, maxBatch = DEFAULT_MAX_BATCH } = command;
      const keyOf = orderBy && (({ item }: BatchItem) => orderBy(item.request as never));
      const runWaiting = async (batch: BatchItem[]): Promise<void> => {
        options.observer?.batched?.(command.method.name, batch.length, queue?.waiting() ?? 0);
        const putOff = await runBatch({ transactions, context, keyOf }, command, batch);
        if (putOff.size === 0 || keyOf === undefined) return;
        // What waits behind one that was not done must not overtake it when that is sent again.
        for (const { reject } of queue?.withdraw((waiting) => putOff.has(keyOf(waiting))) ?? []) {
          reject(refuseCommand('behind_another', {}, { retryAfterSeconds: 1 }));
        }
      };
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
      const unwanted = (): Refusal | undefined => whyUnwanted(item, signal, clock);
      if (!queueOf(command).add({ item, identity, unwanted, resolve, reject })) {
        throw refuseCommand('overloaded', {}, { retryAfterSeconds: 1 });
      }
    });

  return {
    run: (command, item, signal) => run(command as unknown as Command, item, signal) as never,
    runMany: (command, items) => {
      // An outage fails hundreds of items with one error: it is told once.
      const told = new Map<unknown, Refusal>();
      const refusalOf = (error: unknown, { meta }: CommandItem<Message>): Refusal => {
        const refusal = told.get(error) ?? refusalOfError(error, meta, command.method.name, log);
        told.set(error, refusal);
        return refusal;
      };
      return Promise.all(
        items.map((item) =>
          run(command as unknown as Command, item, undefined).catch((error) => ({
            refused: refusalOf(error, item),
            replayed: false,
          })),
        ),
      ) as never;
    },
    waiting: () => queues.values().reduce((sum, queue) => sum + queue.waiting(), 0),
    close: async () => {
      await Promise.all(queues.values().map((queue) => queue.idle()));
    },
  };
}

/** Asked as its batch leaves the queue, after `load`, and before it is run alone: a late item is not run. */
function whyUnwanted(
  { meta }: CommandItem<Message>,
  signal: AbortSignal | undefined,
  clock: Clock,
): Refusal | undefined {
  if (signal?.aborted) return refuseCall('cancelled', {});
  const isLate = meta.deadlineMs !== undefined && meta.deadlineMs <= clock.monotonicMs();
  return isLate ? refuseCall('deadline_exceeded', {}) : undefined;
}
