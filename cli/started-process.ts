// For tests: `tradepost start` as a process of its own, on free ports, with what it told.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const mainFile = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface Told {
  readonly event?: string;
  readonly name?: string;
  readonly rest?: string;
  readonly grpc?: string;
}

export interface StartedProcess {
  readonly child: ChildProcess;
  readonly told: readonly Told[];
  /** As it printed them: `http://localhost:34567`, `localhost:34568`. */
  readonly rest: string;
  readonly grpc: string;
  readonly ended: Promise<number | null>;
  /** What it wrote to stderr. */
  errors(): string;
}

export interface StartPlace {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Resolves once it says that it is ready. @throws with its stderr when it ends before. */
export function startProcess(place: StartPlace, ...args: readonly string[]): Promise<StartedProcess> {
  const child = spawn(process.execPath, [mainFile, 'start', '--json', '--http-port=0', '--grpc-port=0', ...args], {
    cwd: place.directory,
    env: { ...place.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told: Told[] = [];
  let errors = '';
  let rest = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stderr?.on('data', (chunk) => (errors += chunk));
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      told.push(...lines.map((line) => JSON.parse(line) as Told));
      const ready = told.find(({ event }) => event === 'ready');
      if (ready === undefined) return;
      const urls = { rest: ready.rest ?? '', grpc: ready.grpc ?? '' };
      resolve({ child, told, ...urls, ended, errors: () => errors });
    });
    void ended.then((code) => reject(new Error(`it ended with ${code}: ${errors}`)));
  });
}
