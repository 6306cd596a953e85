// Finds the running process and speaks gRPC with it: the address comes from `--url`, from TRADEPOST_URL, or from what
// the process left in the data directory.
import type { DescService } from '@bufbuild/protobuf';
import type { Client, Transport } from '@tradepost/platform/rpc';
import type { Command } from 'commander';
import { globalOptions } from './command-options.ts';
import { EXIT, Failure } from './failure.ts';
import { findRuns, type RunRegistration } from './run-registration.ts';

export interface Connection {
  readonly address: string;
  client<S extends DescService>(service: S): Client<S>;
  close(): Promise<void>;
}

export interface Target {
  readonly address: string;
  readonly apiKey: string | undefined;
}

export function dataDirectoryOf(command: Command): string {
  return globalOptions(command).data || process.env.TRADEPOST_DATA || process.env.DATA_DIRECTORY || '.tradepost';
}

/** @throws Failure `not_running` when nothing runs on this data directory. */
export function findTarget(command: Command): Target {
  const options = globalOptions(command);
  const apiKey = options.apiKey || process.env.API_KEY || undefined;
  const url = options.url || process.env.TRADEPOST_URL;
  if (url) return { address: url.replace(/^[a-z]+:\/\//, '').replace(/\/+$/, ''), apiKey };
  const address = requireRun(dataDirectoryOf(command)).grpcAddress;
  if (address === undefined) throw notRunning('The process that runs here serves no gRPC');
  return { address, apiKey };
}

export function requireRun(dataDirectory: string): RunRegistration {
  const [run] = findRuns(dataDirectory);
  if (run === undefined) throw notRunning(`Nothing runs on the data directory ${dataDirectory}`);
  return run;
}

function notRunning(message: string): Failure {
  const fix = `start it with 'npm start' (or 'npx tradepost start') in another terminal, or name one with --url host:port`;
  return new Failure('not_running', message, { fix, exitCode: EXIT.unreachable });
}

// Nothing is served here, so nothing is logged.
const silent = { debug() {}, info() {}, warn() {}, error() {}, line() {} };

export async function openConnection({ address, apiKey }: Target): Promise<Connection> {
  const { createClients, createDispatcher, createGrpcTransport, createLocalTransport } = await import(
    '@tradepost/platform/rpc'
  );
  const remote = createGrpcTransport({ address });
  const credentials = apiKey === undefined ? undefined : { apiKey };
  const transport: Transport = {
    unary: (method, request, call) => remote.unary(method, request, { ...call, ...(credentials && { credentials }) }),
    stream: (method, requests, call) =>
      remote.stream(method, requests, { ...call, ...(credentials && { credentials }) }),
  };
  const dispatcher = createDispatcher({ log: silent });
  const clients = createClients({
    dispatcher,
    local: createLocalTransport({ dispatcher }),
    remote: () => transport,
  });
  return {
    address,
    client: (service) => clients.client(service, 'cli'),
    close: async () => remote.close(),
  };
}

/** Runs a command's work on a connection and closes it, whatever happens. */
export async function withConnection<T>(command: Command, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await openConnection(findTarget(command));
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
