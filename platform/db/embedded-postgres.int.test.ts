import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../testing/index.ts';
import type { EmbeddedPostgres } from './index.ts';
import {
  DatabaseUnavailableError,
  openDatabase,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
  withConnection,
} from './index.ts';
import { isProcessAlive } from './process-facts.ts';

const source = new URL('./embedded-postgres.ts', import.meta.url).href;
const FIRST_PORT = 54_600;

let directory: string;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tradepost-embedded-'));
  // Under root the server runs as another user, who must be able to enter.
  chmodSync(directory, 0o755);
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await (await start()).stop();
  rmSync(directory, { recursive: true });
});

const start = (): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({ directory, port: FIRST_PORT, log: silentLog, durable: false });

interface StartedChild {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  readonly adopted: boolean;
}

/** Another process that starts the server, says so and lives until it is told to stop by the end of its input. */
async function startInChild(): Promise<StartedChild> {
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(source)};
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const directory = ${JSON.stringify(directory)};
    const server = await startEmbeddedPostgres({ directory, port: ${FIRST_PORT}, log, durable: false });
    console.log(JSON.stringify({ pid: server.pid, port: server.port, adopted: server.adopted }));
    process.stdin.once('end', () => server.stop()).resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, ...(JSON.parse(line) as Omit<StartedChild, 'child'>) };
}

async function end({ child }: StartedChild): Promise<void> {
  child.stdin?.end();
  await once(child, 'exit');
}

const ask = <R extends object>(server: EmbeddedPostgres, sql: string): Promise<R[]> =>
  withConnection(server.adminUrl, (connection) => connection.query<R>(sql));

test('Data survives a stop, letters have their case, and only the password opens the door', async () => {
  const first = await start();
  assert.deepEqual([first.adopted, first.version.split('.')[0]], [false, '18']);
  await ask(first, 'create table kept (a int); insert into kept values (7)');
  assert.deepEqual(await ask(first, `select lower('ÉÅ') as lowered, current_setting('server_encoding') as encoding`), [
    { lowered: 'éå', encoding: 'UTF8' },
  ]);
  const wrong = new URL(first.adminUrl);
  wrong.password = 'wrong';
  await assert.rejects(
    withConnection(wrong.href, async () => {}),
    /password authentication failed/,
  );
  assert.equal(statSync(join(first.dataDirectory, 'tradepost-password')).mode & 0o777, 0o600);
  await first.stop();
  assert.equal(isProcessAlive(first.pid), false);
  const second = await start();
  assert.deepEqual(await ask(second, 'select a from kept'), [{ a: 7 }]);
  await second.stop();
});

test('The durable default waits for the disk', async () => {
  const server = await startEmbeddedPostgres({ directory, port: FIRST_PORT, log: silentLog });
  assert.deepEqual(
    await ask(
      server,
      `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by 1`,
    ),
    ['fsync', 'full_page_writes', 'synchronous_commit'].map((name) => ({ name, setting: 'on' })),
  );
  await server.stop();
});

test('A busy port is passed over', async () => {
  const blocker = createServer();
  blocker.listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  const server = await startEmbeddedPostgres({ directory, port, log: silentLog, durable: false });
  assert.ok(server.port > port && server.port < port + 100, `${server.port} after ${port}`);
  await server.stop();
  blocker.close();
});

test('Two processes that start at once share one server; the last one stops it', async () => {
  const [one, two] = await Promise.all([startInChild(), startInChild()]);
  assert.deepEqual([one.pid, one.port], [two.pid, two.port]);
  assert.deepEqual([one.adopted, two.adopted].sort(), [false, true]);
  await end(one.adopted ? two : one);
  assert.equal(isProcessAlive(one.pid), true);
  await end(one.adopted ? one : two);
  assert.equal(isProcessAlive(one.pid), false);
  assert.deepEqual(
    readdirSync(join(directory, 'run')).filter((name) => name.startsWith('postgres-user')),
    [],
  );
});

test('The server outlives a killed parent and is adopted; the dead parent does not count as a user', async () => {
  const killed = await startInChild();
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  assert.equal(isProcessAlive(killed.pid), true);
  const server = await start();
  assert.deepEqual([server.adopted, server.pid, server.port], [true, killed.pid, killed.port]);
  await server.stop();
  assert.equal(isProcessAlive(killed.pid), false);
});

test('A process that ends without stopping takes an unused server with it', async () => {
  const careless = await startInChild();
  careless.child.stdin?.destroy();
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(source)};
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, port: ${FIRST_PORT}, log, durable: false });
    process.exit(3);`;
  careless.child.kill('SIGKILL');
  await once(careless.child, 'exit');
  const leaving = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  const [code] = await once(leaving, 'exit');
  for (let waited = 0; isProcessAlive(careless.pid) && waited < 100; waited += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual([code, isProcessAlive(careless.pid)], [3, false]);
});

test('What a killed server had committed is there after the next start, whatever its pid file says', async () => {
  const first = await startEmbeddedPostgres({ directory, port: FIRST_PORT, log: silentLog });
  await ask(first, 'create table kept (a int); insert into kept values (7)');
  process.kill(first.pid, 'SIGKILL');
  while (isProcessAlive(first.pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  // The pid has been given to another program since: this test.
  const pidFile = join(first.dataDirectory, 'postmaster.pid');
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  writeFileSync(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
  const second = await start();
  assert.deepEqual([second.adopted, await ask(second, 'select a from kept')], [false, [{ a: 7 }]]);
  await first.stop();
  await second.stop();
});

test('A start after a kill waits for the statements that the killed server left at work', async () => {
  const first = await start();
  const orphan = withConnection(first.adminUrl, async (connection) => {
    const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
    const work = connection.query('select count(*) from generate_series(1, 15000000)');
    return { pid: row?.pid ?? 0, work: work.then(String, String) };
  });
  const { pid } = await orphan;
  process.kill(first.pid, 'SIGKILL');
  const second = await start();
  assert.deepEqual([second.adopted, isProcessAlive(pid)], [false, false]);
  await first.stop();
  await second.stop();
});

test('A pool lives through the death and the return of its server', async () => {
  const first = await startEmbeddedPostgres({ directory, port: FIRST_PORT, log: silentLog });
  const database = await openDatabase({ service: 'patient', url: first.adminUrl, log: silentLog });
  const waiting = Promise.allSettled([1, 2, 3].map(() => database.query('select pg_sleep(5)')));
  await database.query('select 1');
  process.kill(first.pid, 'SIGQUIT');
  const outcomes = await waiting;
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof DatabaseUnavailableError),
    [true, true, true],
  );
  while (isProcessAlive(first.pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(database.query('select 1'), DatabaseUnavailableError);
  const second = await start();
  assert.equal(second.port, first.port);
  assert.deepEqual(await database.query('select 1 as a'), [{ a: 1 }]);
  await database.close();
  await first.stop();
  await second.stop();
});

test('Data of another major version is refused with what to do and left as it is', async () => {
  const first = await start();
  await first.stop();
  const versionFile = join(first.dataDirectory, 'PG_VERSION');
  writeFileSync(versionFile, '17\n');
  await assert.rejects(start(), {
    message:
      `The data in ${first.dataDirectory} was made by PostgreSQL 17 and this Tradepost brings 18: dump it with a ` +
      'Tradepost that brings 17 and restore the dump here, or move the folder away to start empty.',
  });
  assert.equal(existsSync(join(first.dataDirectory, 'base')), true);
  writeFileSync(versionFile, '18\n');
});

test('A server that cannot start shows the last lines of its log', async () => {
  const broken = startEmbeddedPostgres({
    directory,
    port: FIRST_PORT,
    log: silentLog,
    durable: false,
    settings: { max_connections: 'many' },
  });
  await assert.rejects(broken, (error: Error) => {
    const [sentence = '', ...lines] = error.message.split('\n');
    assert.match(sentence, /^PostgreSQL did not start \(ended with code 1\): its log, .+postgres\.log, says why\.$/);
    assert.ok(lines.length <= 10);
    assert.match(lines.join('\n'), /invalid value for parameter "max_connections": "many"/);
    return true;
  });
});

test('Data is removed only while no process uses it, with the server that a killed one left', async () => {
  const left = await startInChild();
  await assert.rejects(removeEmbeddedPostgres(directory), {
    message: `PostgreSQL of ${join(directory, 'postgres')} is in use by process ${left.child.pid}: stop that first, then try again.`,
  });
  left.child.kill('SIGKILL');
  await once(left.child, 'exit');
  await removeEmbeddedPostgres(directory);
  assert.deepEqual([isProcessAlive(left.pid), existsSync(join(directory, 'postgres'))], [false, false]);
});
