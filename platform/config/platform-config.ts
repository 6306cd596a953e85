// The platform's settings as the host uses them: checked against each other, with what follows from several of them.
import { composeUrl } from './database-url.ts';
import { ConfigError, type ConfigFault } from './faults.ts';
import { type LoadConfigOptions, type LoadedConfig, resolveConfig } from './load-config.ts';
import {
  accessSettings,
  appSettings,
  busSettings,
  databaseSettings,
  dataSettings,
  eventsSettings,
  grpcSettings,
  httpSettings,
  logSettings,
  platformSettings,
  rateLimitSettings,
  serverSettings,
  serviceDatabaseSettings,
  telemetrySettings,
} from './platform-settings.ts';

export interface PortSetting {
  readonly port: number;
  /** Set by hand: never moved when it is busy. */
  readonly fixed: boolean;
}

export type BusKind = 'embedded' | 'kafka' | 'nats';

export interface PlatformConfig {
  readonly environment: string;
  readonly production: boolean;
  readonly dataDirectory: string;
  /** Seals page cursors; absent means one that lies in the data directory. */
  readonly cursorSecret: string | undefined;
  readonly host: string;
  readonly shutdownMs: number;
  readonly http: PortSetting;
  readonly grpc: PortSetting;
  readonly embeddedPostgres: PortSetting;
  /** External server; absent means the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Databases that were named for one service, by service. */
  readonly serviceDatabaseUrls: ReadonlyMap<string, string>;
  readonly maxConnections: number;
  readonly log: {
    readonly level: string;
    readonly format: 'auto' | 'json' | 'pretty';
    readonly accessPerSecond: number;
  };
  readonly apiKey: string | undefined;
  readonly open: boolean;
  /** `rps` 0: none. `loopbackExempt`: nobody set it, so that callers on loopback have no limit. */
  readonly rateLimit: { readonly rps: number; readonly burst: number; readonly loopbackExempt: boolean };
  /** Base URL of an OTLP receiver, without `/v1/traces`. */
  readonly otlpEndpoint: string | undefined;
  readonly telemetryName: string;
  /** How long each log keeps its events. */
  readonly retention: { readonly keepMs: number; readonly keepBytes: number; readonly forgetReadersMs: number };
  readonly bus: BusKind;
  /** Sentences to show at start: what was set and has no effect. */
  readonly warnings: readonly string[];
  /** Every setting, the services' own among them. */
  readonly loaded: LoadedConfig;
}

export interface LoadPlatformOptions extends LoadConfigOptions {
  /** Names of all services, hosted or not: each may have a database of its own. */
  readonly services: readonly string[];
}

/** @param options `specs` are the services' own. @throws ConfigError with every fault. */
export function loadPlatformConfig(options: LoadPlatformOptions): PlatformConfig {
  const databases = new Map(options.services.map((service) => [service, serviceDatabaseSettings(service)]));
  const specs = [...platformSettings, ...databases.values(), ...options.specs];
  const { loaded, faults } = resolveConfig({ ...options, specs });
  const bus = checkTogether(loaded, faults, ['bus'], chooseBus);
  const databaseUrl = checkTogether(loaded, faults, ['database'], composeDatabaseUrl);
  checkTogether(loaded, faults, ['server', 'app', 'access'], checkExposure);
  if (faults.length > 0) throw new ConfigError(faults);
  const app = loaded.of(appSettings);
  const server = loaded.of(serverSettings);
  const log = loaded.of(logSettings);
  const access = loaded.of(accessSettings);
  const production = /^prod/i.test(app.env);
  return {
    environment: app.env,
    production,
    dataDirectory: loaded.of(dataSettings).directory,
    cursorSecret: loaded.of(dataSettings).cursorSecret,
    host: server.host,
    shutdownMs: server.shutdownMs,
    http: { port: loaded.of(httpSettings).port, fixed: loaded.isSet('http.port') },
    grpc: { port: loaded.of(grpcSettings).port, fixed: loaded.isSet('grpc.port') },
    embeddedPostgres: {
      port: loaded.of(databaseSettings).embeddedPort,
      fixed: loaded.isSet('database.embedded_port'),
    },
    databaseUrl,
    serviceDatabaseUrls: new Map(
      [...databases].flatMap(([service, spec]) => {
        const url = loaded.of(spec).databaseUrl;
        return url === undefined ? [] : [[service, url] as const];
      }),
    ),
    maxConnections: loaded.of(databaseSettings).maxConnections,
    log: { level: log.level, format: log.format, accessPerSecond: log.accessPerSecond },
    apiKey: access.apiKey,
    open: access.open,
    rateLimit: rateLimitOf(loaded),
    otlpEndpoint: otlpBase(loaded.of(telemetrySettings).otlpEndpoint),
    retention: retentionOf(loaded),
    telemetryName: loaded.of(telemetrySettings).serviceName,
    bus: bus ?? 'embedded',
    warnings: warningsOf(loaded),
    loaded,
  };
}

/** Settings are judged together only where each is good by itself: a fault has one report, not two. */
function checkTogether<T>(
  loaded: LoadedConfig,
  faults: ConfigFault[],
  sections: readonly string[],
  check: (loaded: LoadedConfig, faults: ConfigFault[]) => T,
): T | undefined {
  const faulty = faults.some(({ key }) => sections.includes(key?.split('.')[0] ?? ''));
  return faulty ? undefined : check(loaded, faults);
}

const LOOPBACK = new Set(['localhost', '::1', '[::1]']);

export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host) || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function checkExposure(loaded: LoadedConfig, faults: ConfigFault[]): void {
  const { host } = loaded.of(serverSettings);
  if (!isLoopback(host)) {
    const detail = `server.host ${host} would let other machines in, and there are no accounts yet to keep them out`;
    faults.push({ key: 'server.host', source: loaded.sourceOf('server.host'), detail, fix: 'SERVER_HOST=127.0.0.1' });
  }
  const { env } = loaded.of(appSettings);
  if (loaded.of(accessSettings).open && /^prod/i.test(env)) {
    const detail = `access.open switches authentication off, which app.env ${env} does not allow`;
    faults.push({ key: 'access.open', source: loaded.sourceOf('access.open'), detail, fix: 'ACCESS_OPEN=false' });
  }
}

function composeDatabaseUrl(loaded: LoadedConfig, faults: ConfigFault[]): string | undefined {
  const { url, host, port, user, password, name, sslMode } = loaded.of(databaseSettings);
  const parts = { host, port: port === undefined ? undefined : String(port), user, password, name };
  if (url !== undefined) {
    const given = new URL(url);
    const inUrl: Record<string, string> = {
      host: given.hostname,
      port: given.port || '5432',
      user: decodeURIComponent(given.username),
      password: decodeURIComponent(given.password),
      name: decodeURIComponent(given.pathname.slice(1)),
    };
    for (const [part, value] of Object.entries(parts)) {
      if (value === undefined || value === inUrl[part]) continue;
      const [kept, dropped] = [loaded.sourceOf('database.url'), loaded.sourceOf(`database.${part}`)];
      const detail = `${kept} and ${dropped} name two different databases`;
      faults.push({ key: `database.${part}`, source: `${kept} and ${dropped}`, detail, fix: `unset ${dropped}` });
    }
    return url;
  }
  if (host === undefined) {
    const lone = Object.keys(parts).find((part) => loaded.isSet(`database.${part}`));
    if (lone !== undefined) {
      const source = loaded.sourceOf(`database.${lone}`);
      const detail = `${source} is set, but no host says which server is meant`;
      faults.push({ key: 'database.host', source, detail, fix: 'DB_HOST=localhost' });
    }
    return undefined;
  }
  return composeUrl({ ...parts, host, sslMode });
}

function rateLimitOf(loaded: LoadedConfig): PlatformConfig['rateLimit'] {
  const limits = loaded.of(rateLimitSettings);
  const rps = limits.rps ?? 200;
  return { rps, burst: limits.burst ?? Math.max(1, Math.ceil(rps * 2)), loopbackExempt: limits.rps === undefined };
}

/** Jaeger's own collector port and path do not speak OTLP; its OTLP port does. */
function otlpBase(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  if (url.port === '14268' || url.pathname.startsWith('/api/traces')) return `${url.protocol}//${url.hostname}:4318`;
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v1\/traces$/, '')}`;
}

function chooseBus(loaded: LoadedConfig, faults: ConfigFault[]): BusKind {
  const { url, kafkaBrokers, natsUrl } = loaded.of(busSettings);
  if (url !== undefined) return new URL(url).protocol.slice(0, -1) as BusKind;
  if (kafkaBrokers !== undefined && natsUrl !== undefined) {
    const source = `${loaded.sourceOf('bus.kafka_brokers')} and ${loaded.sourceOf('bus.nats_url')}`;
    const detail = `${source} are both set, and only one bus carries the events`;
    faults.push({ key: 'bus.url', source, detail, fix: 'BUS_URL=embedded://' });
  }
  if (kafkaBrokers !== undefined) return 'kafka';
  return natsUrl !== undefined ? 'nats' : 'embedded';
}

function warningsOf(loaded: LoadedConfig): string[] {
  const { url } = loaded.of(busSettings);
  const otherBus = url !== undefined && !url.startsWith('embedded') ? ['bus.url'] : [];
  const keys = [...otherBus, 'bus.kafka_brokers', 'bus.nats_url', 'redis.host', 'redis.port'];
  return keys
    .filter((key) => loaded.isSet(key))
    .map((key) => `${loaded.sourceOf(key)} is set and has no effect in this version`);
}

const DAY_MS = 24 * 3_600_000;

function retentionOf(loaded: LoadedConfig): PlatformConfig['retention'] {
  const { keepDays, keepGigabytes, forgetConsumersDays } = loaded.of(eventsSettings);
  return {
    keepMs: keepDays * DAY_MS,
    keepBytes: keepGigabytes * 2 ** 30,
    forgetReadersMs: forgetConsumersDays * DAY_MS,
  };
}
