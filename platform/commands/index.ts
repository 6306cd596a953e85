export {
  type CommandObserver,
  type CommandRunner,
  type CommandRunnerOptions,
  createCommandRunner,
} from './command-runner.ts';
export { pruneAnswers, pruneAnswersJob } from './idempotency-records.ts';
export type { Transactions } from './run-batch.ts';
