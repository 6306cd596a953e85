// Starts services in this process and stays with them until it is told to stop.
import { readFileSync } from 'node:fs';
import type { Host } from '@tradepost/platform/host';
import type { Command } from 'commander';
import { globalOptions, withExamples } from '../command-options.ts';
import { Failure } from '../failure.ts';
import { createHeldLog } from '../held-log.ts';
import { findRuns, registerRun } from '../run-registration.ts';
import { chooseServices, loadSettings, type Settings, splitArguments } from '../settings.ts';
import { createStartBlock, type StartBlock, type StartFormat } from '../start-block.ts';
import { stopOnSignals } from '../stop-on-signals.ts';

interface StartOptions {
  readonly open?: boolean;
  readonly json?: boolean;
}

export function register(start: Command): void {
  withExamples(start, [
    'tradepost start                                    all services, nothing else needed',
    'tradepost start user score gateway                 only these: a service runs beside those that it asks',
    'tradepost start --http-port 9000 --log-level debug    any setting is a flag',
    'tradepost start --config examples/systems/score.yaml',
    'DATABASE_URL=postgres://… tradepost start          on a PostgreSQL of your own',
  ]);
  start
    .argument('[services...]', 'which services; all without')
    .option('--open', 'no authentication, for trying things out on loopback')
    .option('--json', 'tell what happens as NDJSON')
    .allowUnknownOption()
    .action(async (args: string[], options: StartOptions, command: Command) => {
      const { words, flags } = splitArguments(args);
      if (options.open === true) flags['access.open'] = 'true';
      const json = options.json === true || (globalOptions(command).output ?? 'table') !== 'table';
      const settings = await loadSettings(command, flags);
      await runServices(settings, words, json ? 'json' : process.stdout.isTTY === true ? 'terminal' : 'plain');
    });
}

async function runServices(
  { config, services }: Settings,
  names: readonly string[],
  format: StartFormat,
): Promise<void> {
  const chosen = chooseServices(services, names);
  const [{ startHost }, { createLogger }] = await Promise.all([
    import('@tradepost/platform/host'),
    import('@tradepost/platform/telemetry'),
  ]);
  const held = createHeldLog(format === 'terminal');
  const logFormat = format === 'json' ? 'json' : config.log.format;
  const log = createLogger({ level: config.log.level, format: logFormat, destination: held.destination });
  const block = createStartBlock(format, process.stdout, process.stderr);
  const stop = stopOnSignals(config.shutdownMs, () => block.stopping());
  const version = readVersion();
  const [neighbour] = findRuns(config.dataDirectory);
  let host: Host;
  try {
    host = await startHost({ services: chosen, config, log, version, onStep: (step) => block.step(step) });
  } catch (error) {
    throw startFailure(error, block, format === 'terminal' ? held.lastLines() : []);
  }
  const unregister = await announce(host, { config, services: chosen }, version, block, neighbour?.pid);
  held.release();
  await stop.asked;
  await host.close();
  unregister();
  block.stopped();
  log.flush();
  stop.done();
}

function startFailure(error: unknown, block: StartBlock, lines: readonly string[]): Failure {
  const step = (error as { step?: string }).step;
  if (step === undefined) throw error;
  block.failed(step, lines);
  const message = (error as Error).message;
  return new Failure('start_failed', `${step}: ${message}`, {
    fix: `'npx tradepost doctor' looks for the cause`,
    cause: error,
  });
}

async function announce(
  host: Host,
  { config, services }: Settings,
  version: string,
  block: StartBlock,
  neighbour: number | undefined,
): Promise<() => void> {
  const httpUrl = host.http === undefined ? undefined : `http://${host.address}:${host.http.port}`;
  const grpcAddress = host.grpc === undefined ? undefined : `${host.address}:${host.grpc.port}`;
  const names = services.map(({ name }) => name);
  const unregister = registerRun(config.dataDirectory, {
    pid: process.pid,
    startedAt: host.core.startedAt.toISOString(),
    version,
    services: names,
    ...(httpUrl === undefined ? {} : { httpUrl }),
    ...(grpcAddress === undefined ? {} : { grpcAddress }),
  });
  const [rest, docs] = await Promise.all([answering(httpUrl, '/livez'), answering(httpUrl, '/docs')]);
  const shown = (url: string): string => url.replace('127.0.0.1', 'localhost');
  const notes = [...config.warnings];
  for (const [name, port] of [['REST', host.http] as const, ['gRPC', host.grpc] as const]) {
    if (port?.movedFrom !== undefined) notes.push(`${name} is on ${port.port}: ${port.movedFrom} was busy`);
  }
  if (neighbour !== undefined) notes.push(`process ${neighbour} runs on the same data`);
  block.ready({
    pid: process.pid,
    services: names,
    restUrl: rest && httpUrl !== undefined ? shown(httpUrl) : undefined,
    docsUrl: docs && httpUrl !== undefined ? `${shown(httpUrl)}/docs` : undefined,
    grpcAddress: grpcAddress === undefined ? undefined : shown(grpcAddress),
    dataDirectory: config.dataDirectory,
    embedded: host.core.databases.postgres !== undefined,
    notes,
  });
  return unregister;
}

const ANSWER_TIMEOUT_MS = 2000;

/** Only what answers is printed. */
async function answering(url: string | undefined, path: string): Promise<boolean> {
  if (url === undefined) return false;
  try {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
