// Every verb of the command line. Only the one that is asked for is loaded: that keeps `--help` fast.
import type { Command } from 'commander';

export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly register: (command: Command) => void }>;
}

export const verbs: readonly Verb[] = [
  { name: 'start', summary: 'start Tradepost, all services or some', load: () => import('./commands/start.ts') },
  { name: 'status', summary: 'what runs, with its lag and what is stuck', load: () => import('./commands/status.ts') },
  { name: 'reset', summary: 'delete all data', load: () => import('./commands/reset.ts') },
  { name: 'migrate', summary: 'bring databases up or down', load: () => import('./commands/migrate.ts') },
  { name: 'user', summary: 'people: create, get, list, import …', load: () => import('./commands/user.ts') },
  { name: 'score', summary: 'score events: send one, import a feed', load: () => import('./commands/score.ts') },
  { name: 'load', summary: 'make traffic', load: () => import('./commands/load.ts') },
  { name: 'events', summary: 'watch events, show one', load: () => import('./commands/events.ts') },
  { name: 'dlq', summary: 'messages that could not be handled', load: () => import('./commands/dlq.ts') },
  { name: 'mail', summary: 'the mailbox: what was sent to whom', load: () => import('./commands/mail.ts') },
  {
    name: 'restore-fix',
    summary: 'put a restored database in order',
    load: () => import('./commands/restore-fix.ts'),
  },
  { name: 'config', summary: 'print or check the configuration', load: () => import('./commands/config.ts') },
  { name: 'doctor', summary: 'find out why it does not start', load: () => import('./commands/doctor.ts') },
  { name: 'completion', summary: 'completion for your shell', load: () => import('./commands/completion.ts') },
];
