// Every command of the README's shell blocks runs, in the order of the page, against a system that `npm start` would
// start. Only the address differs, since the test may not count on port 8080 being free, and the load is smaller.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningSystem, root, startSystem } from './running-system.ts';

const LIMIT_MS = 180_000;
const WATCH_MS = 20_000;
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** The lines of all `sh` blocks. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);
  return blocks.flatMap((block) => block.split('\n')).filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** Commands of npm itself: the test has been installed and started by them already, or would call itself. */
const npmCommands = (line: string): string[] =>
  [...line.matchAll(/\bnpm (ci|start|test|run [\w:-]+)/g)].map((m) => m[1] as string);
/** The example feed has bad lines, on purpose: what was refused is told, also by the exit code. */
const expectedCode = (line: string): number => (line.includes('score import') ? 7 : 0);
const isWatching = (line: string): boolean => /\btail$/.test(line);

let system: RunningSystem;
const said = new Map<string, string>();
before(async () => {
  system = await startSystem({ env: { NO_COLOR: '1' } });
});
after(() => system?.close());

function start(line: string): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const address = system.url.replace('http://', '');
  const command = line.replaceAll('localhost:8080', address).replace('--events 100000', '--events 5000');
  const env = { ...system.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH']}` };
  // A group of its own: npx passes no signal on to what it runs.
  const child = spawn('bash', ['-c', command], { cwd: root, env, detached: true });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output: () => chunks.join(''), ended };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

async function runToItsEnd(line: string): Promise<string> {
  const { child, output, ended } = start(line);
  const late = setTimeout(() => signalGroup(child, 'SIGKILL'), LIMIT_MS);
  const code = await ended;
  clearTimeout(late);
  assert.equal(code, expectedCode(line), `${line}\n${output()}`);
  assert.doesNotMatch(output(), /"code":"\w+","request_id"/, `${line} was refused`);
  return output();
}

/** Shows something, goes on until it is interrupted, and then ends in order. */
async function watchUntilItShows(line: string): Promise<void> {
  const { child, output, ended } = start(line);
  const until = performance.now() + WATCH_MS;
  while (output() === '' && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  signalGroup(child, 'SIGINT');
  const late = setTimeout(() => signalGroup(child, 'SIGKILL'), 5000);
  await ended;
  clearTimeout(late);
  assert.notEqual(output(), '', `${line} showed nothing`);
  assert.notEqual(child.signalCode, 'SIGKILL', `${line} did not end when it was interrupted:\n${output()}`);
}

test('the README has the commands of the first five minutes', () => {
  const commands = commandsOf(readme);
  for (const part of [
    'npm ci && npm start',
    'api/v1/users',
    'api/v1/score-events',
    'mail ls',
    'score import',
    'npm test',
  ])
    assert.ok(
      commands.some((line) => line.includes(part)),
      part,
    );
});

for (const line of commandsOf(readme)) {
  const npm = npmCommands(line);
  test(line, async () => {
    if (npm.length > 0) {
      for (const name of npm.filter((name) => name !== 'ci')) {
        const script = name.replace(/^run /, '');
        assert.equal(typeof manifest.scripts[script], 'string', `package.json has no script ${script}`);
      }
    } else if (isWatching(line)) await watchUntilItShows(line);
    else {
      said.set(line, await runToItsEnd(line));
      assert.notEqual(said.get(line), '', `${line} said nothing`);
    }
  });
}

test('what the README says of its first event came to pass', () => {
  const answerTo = (part: string): string => [...said].find(([line]) => line.includes(part))?.[1] ?? '';
  assert.equal(answerTo('api/v1/score-events').trim(), '{"status":"accepted","event_id":1}');
  assert.match(answerTo('mail ls'), /ada@example\.com/);
  assert.match(answerTo('notifications?user_id=1'), /"message":"Your score increased by 15 points!"/);
});
