// What `start` shows: the steps as they are done, then every address that answers, aligned. Without a terminal the
// same facts are plain lines, with `--json` NDJSON.
import type { TextStream } from './output.ts';

export interface ShownStep {
  readonly name: string;
  readonly detail: string;
  readonly durationMs: number;
}

export interface StartFacts {
  readonly pid: number;
  readonly services: readonly string[];
  /** `http://localhost:8080`; absent where nothing answers. */
  readonly restUrl?: string | undefined;
  readonly docsUrl?: string | undefined;
  readonly consoleUrl?: string | undefined;
  /** `localhost:50051` */
  readonly grpcAddress?: string | undefined;
  readonly dataDirectory: string;
  /** Whether the data lies in an embedded database. */
  readonly embedded: boolean;
  /** Sentences: ports that moved, settings without effect. */
  readonly notes: readonly string[];
}

export interface StartBlock {
  step(step: ShownStep): void;
  failed(step: string, logLines: readonly string[]): void;
  ready(facts: StartFacts): void;
  stopping(): void;
  stopped(): void;
}

export type StartFormat = 'terminal' | 'plain' | 'json';

export function createStartBlock(format: StartFormat, out: TextStream, err: TextStream = out): StartBlock {
  const print = (line: string): void => void out.write(`${line}\n`);
  const event = (name: string, facts: object): void => print(JSON.stringify({ event: name, ...facts }));
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  if (format === 'json') {
    return {
      step: ({ name, detail, durationMs }) => event('step', { name, detail, duration_ms: Math.round(durationMs) }),
      failed: (step, lines) => event('failed', { step, log: lines }),
      ready: (facts) => event('ready', jsonFacts(facts)),
      stopping: () => event('stopping', {}),
      stopped: () => event('stopped', {}),
    };
  }
  const terminal = format === 'terminal';
  return {
    step({ name, detail, durationMs }) {
      if (terminal) print(`  ✔ ${name.padEnd(12)} ${detail.padEnd(44)}  ${seconds(durationMs)}`);
      else print(`${name}: ${detail} (${seconds(durationMs)})`);
    },
    failed(step, lines) {
      err.write(`${terminal ? '  ✖ ' : ''}${step} failed\n`);
      for (const line of lines) err.write(`    ${line.trimEnd()}\n`);
    },
    ready(facts) {
      const rows = readyRows(facts);
      if (!terminal) {
        for (const [name, value] of rows.filter(([name]) => name !== 'Try' && name !== '')) print(`${name}: ${value}`);
        return;
      }
      print('');
      for (const [name, value] of rows) print(`  ${name.padEnd(9)} ${value}`.trimEnd());
      print('');
    },
    stopping: () => terminal && print('\n  Stopping; Ctrl-C again ends it at once.'),
    stopped: () => print(terminal ? '  Stopped.' : 'Stopped'),
  } as StartBlock;
}

function jsonFacts(facts: StartFacts): object {
  return {
    pid: facts.pid,
    services: facts.services,
    rest: facts.restUrl,
    docs: facts.docsUrl,
    console: facts.consoleUrl,
    grpc: facts.grpcAddress,
    data: facts.dataDirectory,
    notes: facts.notes,
  };
}

function readyRows(facts: StartFacts): [string, string][] {
  const rows: [string, string][] = [];
  if (facts.consoleUrl !== undefined) rows.push(['Console', facts.consoleUrl]);
  if (facts.restUrl !== undefined) {
    const docs = facts.docsUrl === undefined ? '' : `docs  ${facts.docsUrl}`;
    rows.push(['REST', `${facts.restUrl.padEnd(38)} ${docs}`.trimEnd()]);
  }
  if (facts.grpcAddress !== undefined) rows.push(['gRPC', `${facts.grpcAddress.padEnd(38)} reflection on`]);
  for (const note of facts.notes) rows.push(['Note', note]);
  if (facts.grpcAddress !== undefined && facts.services.includes('user')) {
    rows.push(['', ''], ...triedFirst(facts.services));
  }
  const data = facts.embedded
    ? `Ctrl-C; the data stays in ${facts.dataDirectory}, 'npx tradepost reset' deletes it`
    : 'Ctrl-C; the data stays in the database';
  rows.push(['Stop', data]);
  return rows;
}

function triedFirst(services: readonly string[]): [string, string][] {
  const commands: [string, string][] = [
    ['user create --name Ada --email ada@example.com', 'a first person'],
    ['score send --user 1 --change 15', 'follow one event to its e-mail'],
    ['mail ls', 'the e-mail'],
  ];
  const possible = commands.filter(([command]) => services.includes(command === 'mail ls' ? 'delivery' : 'score'));
  return possible.map(([command, why], index) => [
    index === 0 ? 'Try' : '',
    `${`npx tradepost ${command}`.padEnd(62)} ${why}`,
  ]);
}
