// A process: its services joined, its ports open. Takes all of it down in the reverse order.

import type { DescService } from '@bufbuild/protobuf';
import { docs } from '@tradepost/contracts/docs';
import { isLoopback } from '../config/index.ts';
import { createHttpServer, createIdentify, type HttpServer, healthRoutes } from '../http/index.ts';
import { createOperations } from '../operations/index.ts';
import { createGrpcServer } from '../rpc/index.ts';
import { createAccessLog } from '../telemetry/index.ts';
import { systemClock } from '../time/index.ts';
import { traceRequests } from '../tracing/index.ts';
import { type Closer, closeWithin, STOP_SHARES } from './closers.ts';
import { type Core, type CoreOptions, startCore } from './core.ts';
import { createHealthChecks, type HealthChecks } from './health.ts';
import { type OpenPort, openPort } from './open-port.ts';
import { operatedProcess, operatorContext } from './operate.ts';
import { createStepReport } from './steps.ts';
import { createStopBudget } from './stop-budget.ts';

// Of the time that a stop may take: the rest is for the end of the process itself.
const ORDERLY_SHARE = 0.85;

export interface HostOptions extends CoreOptions {
  readonly version: string;
}

export interface Host {
  readonly core: Core;
  /** Address that the ports are open on. */
  readonly address: string;
  /** Absent where no hosted service serves REST. */
  readonly http: OpenPort | undefined;
  readonly grpc: OpenPort | undefined;
  /** Answers what is under way, finishes what was begun, and closes. */
  close(): Promise<void>;
}

/** What to close of the open ports. */
interface Doors {
  rest?: Closer;
  grpc?: Closer;
}

/** @throws StepError, with everything that was opened closed again. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { config, log } = options;
  if (!isLoopback(config.host)) throw new Error(`Until accounts exist, only loopback is served, not ${config.host}.`);
  const report = createStepReport(options.onStep ?? (() => {}));
  const core = await startCore(options);
  const health = createHealthChecks(core.services, core.work);
  const doors: Doors = {};
  const closeAll = async (): Promise<void> => {
    const budget = createStopBudget(config.shutdownMs * ORDERLY_SHARE);
    health.drain();
    // Both refuse what is new from now on; what came by REST is answered before calls are refused.
    const grpc = doors.grpc && closeWithin(doors.grpc, budget, log);
    await Promise.all([core.stopWork(budget), doors.rest && closeWithin(doors.rest, budget, log)]);
    await core.drain(budget);
    await grpc;
    await core.close(budget);
  };
  try {
    const ports = await report(
      'Services',
      () => openPorts(options, core, health, doors),
      () => `${core.services.length} ready`,
    );
    return { core, address: bracketed(config.host), ...ports, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openPorts(
  options: HostOptions,
  core: Core,
  health: HealthChecks,
  doors: Doors,
): Promise<Pick<Host, 'http' | 'grpc'>> {
  const { config, log, clock = systemClock, version } = options;
  const operated = operatedProcess(core, version, health);
  const context = operatorContext(core, options);
  core.dispatcher.serve({ implementations: [createOperations(operated, clock)], context });
  const authenticate = createIdentify(config.apiKey);
  const grpcServer = createGrpcServer({ dispatcher: core.dispatcher, log, clock, authenticate });
  const { calls, requests, log: end } = STOP_SHARES;
  doors.grpc = { what: 'gRPC', share: end, close: (budget) => grpcServer.close(budget.restMs(calls)) };
  const grpc = await openPort(config.grpc, 'gRPC', (port) => grpcServer.listen(`${bracketed(config.host)}:${port}`));
  // Routes of services that live elsewhere would lead nowhere.
  const edge = core.services.flatMap(({ definition }) => definition.edge ?? []).filter(core.dispatcher.serves);
  const rest = createRestServer(options, core, edge, () => health.read());
  doors.rest = { what: 'REST', share: end, close: (budget) => rest.close(budget.restMs(requests)) };
  const http = await openPort(config.http, 'REST', (port) => rest.listen({ host: unbracketed(config.host), port }));
  return { http, grpc };
}

function createRestServer(
  { config, log, clock = systemClock, version }: HostOptions,
  { services, clients, metrics, tracer }: Core,
  edge: readonly DescService[],
  check: HealthChecks['read'],
): HttpServer {
  const only = services.length === 1 ? services[0]?.definition.name : undefined;
  // Probes come every few seconds and say nothing while they succeed.
  const health = { name: only === undefined ? 'tradepost' : `${only}-service`, version, check };
  const probes = new Set([...healthRoutes(health, undefined).keys(), '/metrics']);
  const access = createAccessLog({ log, perSecond: config.log.accessPerSecond });
  return createHttpServer({
    services: edge,
    onlyLoopbackHosts: isLoopback(config.host),
    api: { title: 'Tradepost', description: 'People, scores, notifications and e-mail over REST.', docs },
    clock,
    log,
    health,
    metrics: { contentType: metrics.registry.contentType, metrics: async () => (await metrics.print()).body },
    ...(config.apiKey === undefined ? {} : { apiKey: config.apiKey }),
    limits: { rate: config.rateLimit, rateOnLoopback: !config.rateLimit.loopbackExempt },
    startSpan: traceRequests(tracer, probes),
    async invoke(method, request, { meta, credentials }) {
      let replayed = false;
      const message = await clients.call(method, request as never, 'gateway', {
        meta,
        credentials,
        onReplayed: () => {
          replayed = true;
        },
      });
      return { message, replayed };
    },
    onHandled({ httpMethod: method, route, path, status, seconds, responseBytes: bytes, ...ids }) {
      const durationMs = seconds * 1000;
      const { requestId, correlationId, traceId } = ids;
      metrics.http.handled({ method, route, status, durationMs });
      if (probes.has(route) && status < 500) return;
      access({ method, route, path, status, durationMs, bytes, cause: { requestId, correlationId }, traceId });
    },
  });
}

/** An IPv6 address as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
