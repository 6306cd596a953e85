import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryProcessLock, withProcessLock } from './process-lock.ts';

const source = new URL('./process-lock.ts', import.meta.url).href;

test('Only one holds the lock at a time, also within one process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradepost-lock-'));
  const path = join(folder, 'a.lock');
  let inside = 0;
  let most = 0;
  const enter = (): Promise<void> =>
    withProcessLock(path, 5_000, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await sleep(10);
      inside -= 1;
    });
  await Promise.all([enter(), enter(), enter()]);
  assert.equal(most, 1);
  const release = tryProcessLock(path);
  await assert.rejects(
    withProcessLock(path, 50, async () => {}),
    { message: `Another process has held ${path} for 50 ms: end it, then try again.` },
  );
  release?.();
  rmSync(folder, { recursive: true });
});

test('A lock dies with its holder, however it ends', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradepost-lock-'));
  const path = join(folder, 'a.lock');
  const script = `import { tryProcessLock } from ${JSON.stringify(source)};
    tryProcessLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  assert.equal(tryProcessLock(path), undefined);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const release = tryProcessLock(path);
  assert.equal(typeof release, 'function');
  release?.();
  rmSync(folder, { recursive: true });
});
