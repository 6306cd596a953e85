// The settings that every Tradepost process has, whatever it hosts. Services declare their own beside themselves.
import { postgresUrl } from './database-url.ts';
import {
  decimal,
  oneOf,
  onOff,
  optionalText,
  port,
  secretText,
  text,
  textList,
  urlOf,
  wholeNumber,
} from './setting-types.ts';
import { type ConfigSpec, defineConfig } from './spec.ts';

export const appSettings = defineConfig('app', {
  env: {
    type: text,
    default: 'development',
    summary: 'Name of the environment; anything that starts with "prod" counts as production.',
    fallbackEnv: ['NODE_ENV'],
  },
});

export const dataSettings = defineConfig('data', {
  directory: {
    type: text,
    default: '.tradepost',
    summary: 'Folder of the embedded database and of what a running process leaves for the command line.',
    env: ['TRADEPOST_DATA', 'DATA_DIRECTORY'],
  },
  cursorSecret: {
    type: secretText.optional(),
    summary: 'Seals page cursors; the same on hosts that share no folder. Without it one is made in the folder.',
    env: ['CURSOR_SECRET'],
    secret: true,
    example: 'at-least-sixteen-characters',
  },
});

export const serverSettings = defineConfig('server', {
  host: {
    type: text,
    default: '127.0.0.1',
    summary: 'Address that REST and gRPC listen on; loopback, until accounts exist.',
    env: ['SERVER_HOST'],
  },
  shutdownMs: {
    type: wholeNumber(0, 600_000),
    default: 5000,
    summary: 'Time that a graceful stop may take, in milliseconds; what is still open then is cut.',
  },
});

export const httpSettings = defineConfig('http', {
  port: {
    type: port,
    default: 8080,
    summary: 'Port of REST, documentation and metrics. The default moves on when it is busy; one set by hand does not.',
    env: ['HTTP_PORT', 'GATEWAY_PORT'],
  },
});

export const grpcSettings = defineConfig('grpc', {
  port: {
    type: port,
    default: 50051,
    summary: 'Port of gRPC. The default moves on when it is busy; one set by hand does not.',
  },
});

export const databaseSettings = defineConfig('database', {
  url: {
    type: postgresUrl.optional(),
    summary: 'PostgreSQL server to use in place of the embedded one; every service gets a database of its own on it.',
    env: ['DATABASE_URL', 'DB_DSN'],
    secret: true,
    example: 'postgres://tradepost:secret@localhost:5432/tradepost',
  },
  host: {
    type: optionalText,
    summary: 'Host of that server, instead of a URL.',
    env: ['DB_HOST'],
    example: 'localhost',
  },
  port: { type: port.optional(), summary: 'Port of that server, with `host`; 5432 without it.', env: ['DB_PORT'] },
  user: { type: optionalText, summary: 'Role to sign in as, with `host`.', env: ['DB_USER'], example: 'tradepost' },
  password: { type: optionalText, summary: 'Its password, with `host`.', env: ['DB_PASSWORD'], secret: true },
  name: { type: optionalText, summary: 'Database to connect to first, with `host`.', env: ['DB_NAME'] },
  sslMode: {
    type: oneOf(['disable', 'prefer', 'require', 'verify-full']).optional(),
    summary: 'TLS towards that server, with `host`.',
    env: ['DB_SSLMODE'],
  },
  maxConnections: {
    type: wholeNumber(2, 500),
    default: 10,
    summary: 'Connections per service; ten keep two cores busy.',
  },
  embeddedPort: {
    type: port,
    default: 54329,
    summary: 'Port of the embedded PostgreSQL. The default moves on when it is busy; one set by hand does not.',
  },
});

export const logSettings = defineConfig('log', {
  level: {
    type: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    summary: 'Least severe level that is written.',
  },
  format: {
    type: oneOf(['auto', 'json', 'pretty']),
    default: 'auto',
    summary: '`auto` is pretty on a terminal and JSON elsewhere.',
  },
  accessPerSecond: {
    type: wholeNumber(0, 1_000_000),
    default: 100,
    summary: 'Access log lines a second; above it, lines are sampled and say how many they stand for. 0: none.',
  },
});

export const accessSettings = defineConfig('access', {
  apiKey: {
    type: optionalText,
    summary: 'When set, feeds must send it as `X-API-Key`.',
    env: ['API_KEY'],
    secret: true,
  },
  open: {
    type: onOff,
    default: false,
    summary:
      'Switches authentication off; until accounts exist everything is open on loopback in any case. Refused in production.',
    env: ['OPEN_ACCESS'],
  },
});

export const rateLimitSettings = defineConfig('rate-limit', {
  rps: {
    type: decimal(0, 1_000_000).optional(),
    summary: 'Requests a second per caller; without it 200, and none for loopback. 0: no limit.',
    example: '200',
  },
  burst: {
    type: wholeNumber(1, 10_000_000).optional(),
    summary: 'Requests that a caller may send at once; without it twice the requests a second.',
    example: '400',
  },
});

export const telemetrySettings = defineConfig('telemetry', {
  otlpEndpoint: {
    type: urlOf('http', 'https').optional(),
    summary: 'Where traces go by OTLP over HTTP; without it no trace is made.',
    env: ['OTEL_EXPORTER_OTLP_ENDPOINT', 'JAEGER_ENDPOINT'],
    example: 'http://localhost:4318',
  },
  serviceName: {
    type: text,
    default: 'tradepost',
    summary: 'Name of this process in traces.',
    env: ['OTEL_SERVICE_NAME'],
  },
});

export const eventsSettings = defineConfig('events', {
  keepDays: {
    type: wholeNumber(1, 36_500),
    default: 7,
    summary:
      'Days that events are kept in the log once all of a partition is in it; longer where a consumer needs them.',
  },
  keepGigabytes: {
    type: wholeNumber(1, 1_000_000),
    default: 20,
    summary: 'Size of a log above which the oldest events go early, even those that a consumer has not seen.',
  },
  forgetConsumersDays: {
    type: wholeNumber(1, 36_500),
    default: 30,
    summary: 'Days without a sign of life after which a consumer holds no events back any more.',
  },
});

export const busSettings = defineConfig('bus', {
  url: {
    type: urlOf('embedded', 'kafka', 'nats').optional(),
    summary: 'Which bus carries events; in this version the logs in PostgreSQL do, whatever it says.',
    example: 'embedded://',
  },
  kafkaBrokers: {
    type: textList.optional(),
    summary: 'Kafka brokers, as host:port with commas; accepted, and without effect in this version.',
    env: ['KAFKA_BROKERS', 'KAFKA_BROKER'],
    example: 'localhost:9092',
  },
  natsUrl: {
    type: text.optional(),
    summary: 'NATS server; accepted, and without effect in this version.',
    env: ['NATS_URL'],
    example: 'nats://localhost:4222',
  },
});

export const redisSettings = defineConfig('redis', {
  host: { type: optionalText, summary: 'Redis host; nothing uses Redis in this version.', example: 'localhost' },
  port: { type: port, default: 6379, summary: 'Redis port.' },
});

/** Its own database per service, where the service's is not the server-wide one. */
export function serviceDatabaseSettings(service: string): ConfigSpec<{ readonly databaseUrl: string | undefined }> {
  return defineConfig(service, {
    databaseUrl: {
      type: postgresUrl.optional(),
      summary: `Database of the ${service} service, used as it is; more specific than \`database.url\`.`,
      env: [`${service.toUpperCase()}_DATABASE_URL`, `${service.toUpperCase()}_DB_CONN`],
      secret: true,
      example: `postgres://${service}:secret@localhost:5432/${service}`,
    },
  });
}

export const platformSettings: readonly ConfigSpec[] = [
  appSettings,
  dataSettings,
  serverSettings,
  httpSettings,
  grpcSettings,
  databaseSettings,
  logSettings,
  accessSettings,
  rateLimitSettings,
  telemetrySettings,
  eventsSettings,
  busSettings,
  redisSettings,
];
