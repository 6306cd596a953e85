import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type RestStub, startRestStub } from '../testing/rest-stub.ts';

type Json = Record<string, unknown>;

let stub: RestStub;
let document: Json & { paths: Record<string, Record<string, Json>>; components: { schemas: Record<string, Json> } };

before(async () => {
  stub = await startRestStub(() => ({}), { apiKey: 'secret' });
  document = (await (await fetch(`${stub.url}/openapi.json`)).json()) as typeof document;
});
after(() => stub.close());

function at(path: string): unknown {
  const steps = path.split('/').map((step) => step.replaceAll('~1', '/'));
  return steps.reduce((value: unknown, step) => (value as Json)[step], document);
}

test('the document is valid by an independent validator', async () => {
  const result = await new Validator().validate(structuredClone(document));
  assert.deepEqual(result, { valid: true });
  assert.equal(document['openapi'], '3.1.1');
});

test('every route and every page of the process is documented', () => {
  const documented = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  for (const route of stub.server.routes) {
    assert.equal(documented.includes(`${route.httpMethod} ${route.template.path}`), true, route.template.path);
  }
  for (const path of ['/health', '/healthcheck', '/_health', '/health-check', '/livez', '/readyz', '/docs']) {
    assert.equal(documented.includes(`GET ${path}`), true, path);
  }
});

test('every operation has an id of its own, a tag, a summary and a default problem', () => {
  const ids = new Set<unknown>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of Object.values(item)) {
      assert.equal(ids.has(operation['operationId']), false, String(operation['operationId']));
      ids.add(operation['operationId']);
      assert.equal((operation['tags'] as string[]).length, 1, path);
      assert.notEqual(operation['summary'], '', path);
      assert.equal('default' in (operation['responses'] as Json), true, path);
    }
  }
});

test('validation rules become constraints, and what their breach of zero demands is required', () => {
  assert.deepEqual(at('components/schemas/SendScoreEventRequest'), {
    type: 'object',
    properties: {
      user_id: {
        anyOf: [
          { type: 'integer', format: 'int64', minimum: 1, maximum: Number(2n ** 63n - 1n) },
          { type: 'string', pattern: '^[1-9][0-9]{0,17}$' },
        ],
        examples: [42],
      },
      new_score: { type: 'integer', format: 'int32', minimum: 0, maximum: 2147483647, examples: [730] },
      change: { type: 'integer', format: 'int32', minimum: -2147483648, maximum: 2147483647, examples: [15] },
    },
    required: ['user_id'],
    additionalProperties: false,
  });
  const user = at('components/schemas/CreateUserRequest') as { required: string[]; properties: Record<string, Json> };
  assert.deepEqual(user.required, ['email']);
  assert.equal(user.properties['email']?.['format'], 'email');
  assert.equal(user.properties['name']?.['maxLength'], 200);
});

test('an answer says what is always there, and stays open to later fields', () => {
  const score = at('components/schemas/Score') as { required: string[]; additionalProperties?: boolean };
  assert.deepEqual(score.required, ['user_id', 'last_change', 'events']);
  assert.equal(score.additionalProperties, undefined);
});

test('a body leaves out what the path gives, and names the fields of a mask', () => {
  const path = 'paths/~1api~1v1~1users~1{id}/put/requestBody/content/application~1json/schema';
  const schema = at(path) as { properties: Record<string, { anyOf: [{ items: { enum: string[] } }] }> };
  assert.equal('id' in schema.properties, false);
  const names = schema.properties['update_mask']?.anyOf[0].items.enum;
  assert.deepEqual(names, ['name', 'first_name', 'last_name', 'nickname', 'email', 'country']);
});

test('what is checked item by item is not promised of the whole', () => {
  const event = at('components/schemas/SendScoreEventsRequest.Item/properties/event') as { required?: string[] };
  assert.equal(event.required, undefined);
});

test('examples come from the protos', () => {
  const request = at('paths/~1api~1v1~1score-events/post/requestBody/content/application~1json/example');
  assert.deepEqual(request, { user_id: 42, new_score: 730, change: 15 });
  const path = 'paths/~1api~1v1~1score-events/post/responses/202/content/application~1json/example';
  assert.deepEqual(at(path), { status: 'accepted', event_id: 7 });
});

test('the API key is asked for where it is set, and nowhere else', async () => {
  assert.deepEqual(at('paths/~1api~1v1~1score-events/post/security'), [{ apiKey: [] }]);
  assert.equal(at('paths/~1api~1v1~1users/post/security'), undefined);
  const open = await startRestStub(() => ({}));
  assert.equal(JSON.stringify(open.server.openApi).includes('securitySchemes'), false);
  await open.close();
});

test('the explorer asks no other origin for anything', async () => {
  const page = await fetch(`${stub.url}/docs`);
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
  const html = await page.text();
  const linked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
  assert.deepEqual(
    linked.filter((link) => !link.startsWith('/') && !link.startsWith('data:')),
    [],
  );
  const files = ['/docs/explorer.css', '/docs/explorer.js', '/docs/operation.js'];
  for (const file of files) {
    const response = await fetch(stub.url + file);
    const text = await response.text();
    assert.equal(response.status, 200, file);
    assert.equal(/https?:\/\//.test(text), false, file);
    const etag = response.headers.get('etag') ?? '';
    assert.equal((await fetch(stub.url + file, { headers: { 'if-none-match': etag } })).status, 304, file);
  }
  assert.equal(/style="|<script>|onclick=/.test(html), false);
});
