export {
  type CommandObserver,
  type CommandRunner,
  type CommandRunnerOptions,
  createCommandRunner,
} from './command-runner.ts';
export { keyOfPlace } from './idempotency-key.ts';
export { pruneAnswers, pruneAnswersJob } from './idempotency-records.ts';
