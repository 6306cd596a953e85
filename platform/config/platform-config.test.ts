import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from './faults.ts';
import { loadPlatformConfig } from './platform-config.ts';
import { platformSettings } from './platform-settings.ts';
import { printFaults, printSettingsReference, shownEntry } from './print-config.ts';

const load = (env: Record<string, string>, flags: Record<string, unknown> = {}) =>
  loadPlatformConfig({ specs: [], services: ['user', 'order'], env, flags });

function detailsOf(env: Record<string, string>): string[] {
  try {
    load(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults.map((fault) => fault.detail);
  }
  return [];
}

test('the defaults start on loopback with ports that may move, on the embedded database and bus', () => {
  const config = load({});
  assert.deepEqual(config.http, { port: 8080, fixed: false });
  assert.deepEqual(config.grpc, { port: 50051, fixed: false });
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.databaseUrl, undefined);
  assert.equal(config.dataDirectory, '.tradepost');
  assert.equal(config.bus, 'embedded');
  assert.deepEqual(config.rateLimit, { rps: 200, burst: 400, loopbackExempt: true });
  assert.deepEqual(config.warnings, []);
});

test('a port that was set by hand is fixed, under any of its names', () => {
  assert.deepEqual(load({ GATEWAY_PORT: '8081', GRPC_PORT: '6000' }).http, { port: 8081, fixed: true });
  assert.deepEqual(load({ HTTP_PORT: '8080' }).http, { port: 8080, fixed: true });
  assert.deepEqual(load({}, { 'http-port': 9000 }).http, { port: 9000, fixed: true });
});

test('the parts of a database become one URL, with what needs it escaped', () => {
  const config = load({ DB_HOST: 'db', DB_PORT: '5433', DB_USER: 'a b', DB_PASSWORD: 'p@ss:/', DB_NAME: 'shop' });
  assert.equal(config.databaseUrl, 'postgres://a%20b:p%40ss%3A%2F@db:5433/shop');
  assert.equal(load({ DB_HOST: 'db' }).databaseUrl, 'postgres://db:5432/postgres');
});

test("a DSN in libpq's words becomes a URL", () => {
  const dsn = "host=db user=postgres password='a b' dbname=users port=5433 sslmode=disable";
  assert.equal(load({ DB_DSN: dsn }).databaseUrl, 'postgres://postgres:a%20b@db:5433/users?sslmode=disable');
  assert.deepEqual(detailsOf({ DB_DSN: 'somewhere' }), ['database.url must be a URL such as postgres://host']);
});

test('a URL and parts that name another database are refused by name, agreeing ones are not', () => {
  const url = 'postgres://a:b@db:5432/shop';
  assert.equal(load({ DB_DSN: url, DB_HOST: 'db', DB_PORT: '5432' }).databaseUrl, url);
  assert.deepEqual(detailsOf({ DB_DSN: url, DB_HOST: 'other' }), ['DB_DSN and DB_HOST name two different databases']);
  assert.deepEqual(detailsOf({ DB_PASSWORD: 'x' }), ['DB_PASSWORD is set, but no host says which server is meant']);
});

test("a service's own database is known beside the server-wide one", () => {
  const config = load({ DATABASE_URL: 'postgres://db/all', USER_DB_CONN: 'postgres://db/people' });
  assert.deepEqual([...config.serviceDatabaseUrls], [['user', 'postgres://db/people']]);
  assert.equal(config.databaseUrl, 'postgres://db/all');
});

test('any address but loopback is refused, and open access in production', () => {
  assert.match(detailsOf({ SERVER_HOST: '0.0.0.0' })[0] ?? '', /^server.host 0.0.0.0 would let other machines in/);
  assert.equal(load({ SERVER_HOST: '127.0.0.5' }).host, '127.0.0.5');
  assert.deepEqual(detailsOf({ OPEN_ACCESS: 'true', NODE_ENV: 'production' }), [
    'access.open switches authentication off, which app.env production does not allow',
  ]);
  assert.equal(load({ OPEN_ACCESS: '1', NODE_ENV: 'production', APP_ENV: 'local' }).open, true);
});

test('Kafka and NATS together are refused, one of them chooses the bus and is warned of', () => {
  const both = { KAFKA_BROKERS: 'a:9092', NATS_URL: 'nats://b' };
  assert.deepEqual(detailsOf(both), ['KAFKA_BROKERS and NATS_URL are both set, and only one bus carries the events']);
  assert.equal(load({ ...both, BUS_URL: 'embedded://' }).bus, 'embedded');
  const config = load({ KAFKA_BROKER: 'a:9092' });
  assert.equal(config.bus, 'kafka');
  assert.deepEqual(config.warnings, ['KAFKA_BROKER is set and has no effect in this version']);
});

test('what contradicts each other is told together with what is wrong by itself', () => {
  assert.deepEqual(detailsOf({ HTTP_PORT: 'x', KAFKA_BROKERS: 'a', NATS_URL: 'b', SERVER_HOST: '::' }), [
    'http.port must be a whole number from 0 to 65535, not "x"',
    'KAFKA_BROKERS and NATS_URL are both set, and only one bus carries the events',
    'server.host :: would let other machines in, and there are no accounts yet to keep them out',
  ]);
});

test('a Jaeger collector address becomes its OTLP one, and a full OTLP path its base', () => {
  const endpoint = (value: string) => load({ JAEGER_ENDPOINT: value }).otlpEndpoint;
  assert.equal(endpoint('http://jaeger:14268/api/traces'), 'http://jaeger:4318');
  assert.equal(endpoint('http://otel:4318/v1/traces'), 'http://otel:4318');
  assert.equal(endpoint('http://otel:4318'), 'http://otel:4318');
});

test('config print hides secrets and names sources', () => {
  const { loaded } = load({ API_KEY: 'very-secret', DATABASE_URL: 'postgres://u:pw@db/x' });
  const rows = new Map(loaded.entries.map((entry) => [entry.key, shownEntry(entry)]));
  assert.deepEqual(rows.get('access.api_key'), { key: 'access.api_key', value: '(hidden)', source: 'API_KEY' });
  assert.deepEqual(rows.get('http.port'), { key: 'http.port', value: '8080', source: 'default' });
  assert.equal(JSON.stringify([...rows.values()]).includes('pw'), false);
});

test('a secret that is wrong is never shown in its fault', () => {
  try {
    load({ DATABASE_URL: 'mysql://root:pw@db/x' });
    assert.fail('accepted');
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(printFaults(error.faults).includes('pw@'), false);
    assert.match(printFaults(error.faults), /database.url must be a URL such as postgres:\/\/host\n {4}from {2}env/);
  }
});

test('the reference lists every setting with its names', () => {
  const reference = printSettingsReference(platformSettings);
  assert.match(reference, /\| `http.port` \| `--http-port` \| `HTTP_PORT`, `GATEWAY_PORT` \| `8080` \|/);
});
