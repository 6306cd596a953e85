// Where the system is killed, and which planted bugs the checker must find.
import { plantedFaults } from '@tradepost/platform/testing';
import type { Scenario } from './run.ts';

/** Whether it runs in `npm test` too. */
interface Always {
  readonly always?: boolean;
}

export interface PlantedBug extends Scenario, Always {
  /** Any of these rules must be found broken. */
  readonly breaks: readonly string[];
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
  { name: 'a stop in good order while mails are under way', stopAfterMs: 500, always: true },
  { name: 'in the middle of everything', killAfterMs: 700 },
  { name: 'in the middle of everything, under hostile writers', killAfterMs: 2500, hostileMs: 4000 },
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

// What a sequencer that loses, repeats or disorders events leaves behind.
const WHAT_FAULTS_BREAK = [
  'every event is in the log',
  'the log is dense',
  'every event has its notification',
  'no event is applied twice',
  'events of a person are logged in the order of commits',
  'order per person holds',
];

// Small chunks, so that a fault in taking them shows without a backlog of thousands.
const SMALL_CHUNKS = [
  '  logged := 0;\n  more := false;',
  '  logged := 0;\n  more := false;\n  lim := least(lim, 10);',
] as const;

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the cursor is committed before the effects',
    plant: 'ack-before-commit',
    failpoints: 'consumer.before-commit/notification.score-events=kill@8',
    breaks: ['every event has its notification'],
    always: true,
  },
  {
    name: 'no inbox',
    plant: 'inbox-off',
    failpoints: 'consumer.after-commit/notification.score-events=kill@8',
    breaks: ['no event is applied twice'],
  },
  {
    name: 'a mail is sent twice though nothing was killed',
    plant: 'perform-twice',
    events: 60,
    breaks: ['no mail arrives twice'],
  },
  ...plantedFaults.map((fault) => ({
    ...{ name: `in the sequencer, ${fault.name}`, hostileMs: 5000 },
    fault: fault.name.includes('window') ? { ...fault, replace: [...fault.replace, SMALL_CHUNKS] } : fault,
    breaks: WHAT_FAULTS_BREAK,
  })),
];
