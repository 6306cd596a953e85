// A process: its services joined, its ports open. Takes all of it down in the reverse order.
import { docs } from '@tradepost/contracts/docs';
import { isLoopback } from '../config/index.ts';
import { createHttpServer, type HttpServer } from '../http/index.ts';
import { createAccessLog } from '../telemetry/index.ts';
import { systemClock } from '../time/index.ts';
import { type Core, type CoreOptions, startCore } from './core.ts';
import { createHealthChecks } from './health.ts';
import { type OpenPort, openPort } from './open-port.ts';
import { createStepReport } from './steps.ts';

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

/** @throws StepError, with everything that was opened closed again. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { config } = options;
  if (!isLoopback(config.host)) throw new Error(`Until accounts exist, only loopback is served, not ${config.host}.`);
  const report = createStepReport(options.onStep ?? (() => {}));
  const core = await startCore(options);
  const health = createHealthChecks(core.services);
  let server: HttpServer | undefined;
  try {
    return await report(
      'Services',
      async () => {
        server = createRestServer(options, core, () => health.read());
        const rest = server;
        const http = await openPort(config.http, 'REST', (port) => rest.listen({ host: config.host, port }));
        return {
          core,
          address: config.host,
          http,
          grpc: undefined,
          async close() {
            health.drain();
            await rest.close();
            await core.close();
          },
        };
      },
      () => `${core.services.length} ready`,
    );
  } catch (error) {
    await server?.close();
    await core.close();
    throw error;
  }
}

function createRestServer(
  { config, log, clock = systemClock, version }: HostOptions,
  { services, clients, metrics }: Core,
  check: () => ReturnType<ReturnType<typeof createHealthChecks>['read']>,
): HttpServer {
  const access = createAccessLog({ log, perSecond: config.log.accessPerSecond });
  const only = services.length === 1 ? services[0]?.definition.name : undefined;
  return createHttpServer({
    services: services.flatMap(({ definition }) => definition.edge ?? []),
    api: { title: 'Tradepost', description: 'People, scores, notifications and e-mail over REST.', docs },
    clock,
    log,
    health: { name: only === undefined ? 'tradepost' : `${only}-service`, version, check },
    metrics: { contentType: metrics.registry.contentType, metrics: async () => (await metrics.print()).body },
    ...(config.apiKey === undefined ? {} : { apiKey: config.apiKey }),
    limits: { rate: config.rateLimit, rateOnLoopback: !config.rateLimit.loopbackExempt },
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
      const { requestId, correlationId } = ids;
      metrics.http.handled({ method, route, status, durationMs });
      access({ method, route, path, status, durationMs, bytes, cause: { requestId, correlationId } });
    },
  });
}
