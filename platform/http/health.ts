// What a process says of itself: alive, ready, healthy. The paths are those that the five systems and Kubernetes use.
import type { Exchange } from './exchange.ts';

export type ServiceState = 'serving' | 'starting' | 'draining' | 'stopped';

export interface ServiceHealth {
  readonly state: ServiceState;
  /** What it needs, by name: `database`, `broker`. A check that fails says why. */
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** By name of the service. */
export type HealthReport = Readonly<Record<string, ServiceHealth>>;

export interface HealthSource {
  /** `tradepost`, or the service's name where a process hosts one. */
  readonly name: string;
  readonly version: string;
  /** Asked at every request: it must be quick, so let it cache what takes a round trip. */
  readonly check: () => Promise<HealthReport> | HealthReport;
}

export interface Metrics {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export type PlainHandler = (exchange: Exchange) => void | Promise<void>;

const NOT_STORED = { 'cache-control': 'no-store' };
const FIRST_LINE = 200;

function isHealthy({ checks }: ServiceHealth): boolean {
  return Object.values(checks).every((check) => check.ok);
}

function serviceFacts(service: ServiceHealth): object {
  const checks = Object.entries(service.checks).map(([name, { ok, detail }]) => [
    name,
    ok ? { status: 'up' } : { status: 'down', detail: detail?.split('\n')[0]?.slice(0, FIRST_LINE) },
  ]);
  return {
    status: isHealthy(service) ? 'healthy' : 'unhealthy',
    state: service.state,
    checks: Object.fromEntries(checks),
  };
}

/** @returns handlers by path. */
export function healthRoutes(source: HealthSource, metrics: Metrics | undefined): Map<string, PlainHandler> {
  const whole = async (exchange: Exchange): Promise<void> => {
    const report = await source.check();
    const healthy = Object.values(report).every(isHealthy);
    const services = Object.fromEntries(Object.entries(report).map(([name, facts]) => [name, serviceFacts(facts)]));
    const status = healthy ? 'healthy' : 'unhealthy';
    const body = { status, service: source.name, version: source.version, services };
    exchange.json(healthy ? 200 : 503, JSON.stringify(body), NOT_STORED);
  };
  const alive = (exchange: Exchange): void => exchange.json(200, '{"status":"alive"}', NOT_STORED);
  const ready = async (exchange: Exchange): Promise<void> => {
    const report = await source.check();
    const waiting = Object.entries(report)
      .filter(([, facts]) => facts.state !== 'serving' || !isHealthy(facts))
      .map(([name]) => name);
    const body = waiting.length === 0 ? { status: 'ready' } : { status: 'not_ready', waiting_for: waiting };
    exchange.json(waiting.length === 0 ? 200 : 503, JSON.stringify(body), NOT_STORED);
  };
  const oneLine = async (exchange: Exchange): Promise<void> => {
    const healthy = Object.values(await source.check()).every(isHealthy);
    const body = `${healthy ? 'OK' : 'UNHEALTHY'} v${source.version}`;
    exchange.json(healthy ? 200 : 503, JSON.stringify(body), NOT_STORED);
  };
  const routes = new Map<string, PlainHandler>([
    ['/health', whole],
    ['/_health', whole],
    ['/health-check', whole],
    ['/healthcheck', oneLine],
    ['/health-check/liveness', alive],
    ['/livez', alive],
    ['/health-check/readiness', ready],
    ['/readyz', ready],
  ]);
  if (metrics) {
    routes.set('/metrics', async (exchange) => {
      const text = await metrics.metrics();
      exchange.answer(200, { 'content-type': metrics.contentType, ...NOT_STORED }, text);
    });
  }
  return routes;
}
