// Where the system is killed, and which planted bugs the checker must find.
import type { Scenario } from './run.ts';

/** Whether a scenario runs in `npm test` too. */
interface Always {
  readonly always?: boolean;
}

export const scenarios: readonly (Scenario & Always)[] = [
  { name: 'after the domain write', failpoints: 'command.after-domain-write=kill@20' },
  { name: 'before the commit of a request', failpoints: 'command.before-commit=kill@25', always: true },
  { name: 'after the commit of a request, before its answer', failpoints: 'command.after-commit=kill@25' },
  { name: 'before the sequencer passes', failpoints: 'sequencer.before-pass=kill@40' },
  { name: 'after the sequencer has passed', failpoints: 'sequencer.after-pass=kill@40' },
  { name: 'before the cursor moves', failpoints: 'consumer.before-cursor=kill@20' },
  { name: 'before the commit of a batch', failpoints: 'consumer.before-commit=kill@20' },
  { name: 'after the commit of a batch', failpoints: 'consumer.after-commit=kill@20', always: true },
  {
    name: 'before a mail is handed over',
    failpoints: 'effect.before-perform=kill@30',
  },
  {
    name: 'after a mail was handed over, before it is recorded',
    failpoints: 'effect.after-perform=kill@30',
    always: true,
  },
  { name: 'after a mail was recorded', failpoints: 'effect.after-record=kill@30' },
  { name: 'in the middle of everything', killAfterMs: 700 },
  { name: 'in the middle of everything, later', killAfterMs: 1300 },
  {
    name: 'PostgreSQL with it, in the middle of everything',
    killAfterMs: 900,
    withPostgres: true,
  },
  {
    name: 'PostgreSQL with it, before the commit of a batch',
    failpoints: 'consumer.before-commit=kill@25',
    withPostgres: true,
  },
];

/** `breaks`: any of these rules must be found broken. */
export const plantedBugs: readonly (Scenario & Always & { readonly breaks: readonly string[] })[] = [
  {
    name: 'the cursor is committed before the effects',
    plant: 'ack-before-commit',
    failpoints: 'consumer.before-commit=kill@20',
    breaks: ['every event has its notification'],
    always: true,
  },
  {
    name: 'no inbox',
    plant: 'inbox-off',
    failpoints: 'consumer.after-commit=kill@20',
    breaks: ['no event is applied twice'],
  },
];
