import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createFileRegistry, type DescService, setExtension } from '@bufbuild/protobuf';
import {
  EmptySchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_empty,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { http } from '@tradepost/contracts/http';
import { type HttpRule, HttpRuleSchema } from '@tradepost/contracts/http-rule';
import { parsePathTemplate } from './path-template.ts';
import { routesOf } from './route.ts';

type Pattern = HttpRule['pattern'];

/** A service with one method a rule; its request has `id` and `tags`. */
function serviceOf(...rules: { pattern: Pattern; body?: string; responseBody?: string }[]): DescService {
  const file = create(FileDescriptorProtoSchema, {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    dependency: ['google/protobuf/empty.proto'],
    messageType: [
      {
        name: 'Request',
        field: [
          { name: 'id', number: 1, type: FieldDescriptorProto_Type.INT64, label: FieldDescriptorProto_Label.OPTIONAL },
          {
            name: 'tags',
            number: 2,
            type: FieldDescriptorProto_Type.STRING,
            label: FieldDescriptorProto_Label.REPEATED,
          },
        ],
      },
    ],
    service: [
      {
        name: 'TestService',
        method: rules.map((rule, at) => {
          const options = create(MethodOptionsSchema);
          setExtension(options, http, create(HttpRuleSchema, rule));
          return { name: `Do${at}`, inputType: '.test.Request', outputType: '.google.protobuf.Empty', options };
        }),
      },
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    name === 'google/protobuf/empty.proto' ? file_google_protobuf_empty : undefined,
  );
  return registry.getService('test.TestService') as DescService;
}

const get = (value: string): Pattern => ({ case: 'get', value });

test('a rule that cannot be served stops the start, and all are named', () => {
  const service = serviceOf(
    { pattern: get('/things/{id}') },
    { pattern: get('/things/{other}') },
    { pattern: get('/things'), body: '*' },
    { pattern: { case: 'post', value: '/things' }, body: 'nothing' },
    { pattern: get('/things/all'), responseBody: 'nothing' },
    { pattern: get('/by/{tags}') },
    { pattern: get('/deep/{id=a/*}') },
    { pattern: { case: 'custom', value: { $typeName: 'google.api.CustomHttpPattern', kind: 'PURGE', path: '/x' } } },
    { pattern: get('/things/{id=*}') },
    { pattern: { case: undefined } },
  );
  assert.throws(
    () => routesOf([service]),
    (error: Error) => {
      const lines = error.message.split('\n').slice(1);
      assert.deepEqual(lines, [
        'test.TestService.Do1: test.Request has no field other',
        'test.TestService.Do2: GET takes no body',
        'test.TestService.Do3: test.Request has no field nothing for the body',
        'test.TestService.Do4: google.protobuf.Empty has no field nothing for the response body',
        'test.TestService.Do5: the variable tags is a list',
        "test.TestService.Do6: the path /deep/{id=a/*} has an unsupported segment '{id=a': use literals and {variable}",
        'test.TestService.Do7: the HTTP method PURGE is not supported',
        'test.TestService.Do8: GET /things/{} is a route of test.TestService.Do0 already',
        'test.TestService.Do9: the rule has no path',
      ]);
      return true;
    },
  );
});

test('an empty answer is 204, and fields that nothing binds are query parameters', () => {
  const [route] = routesOf([serviceOf({ pattern: get('/things/{id}') })]);
  assert.equal(route?.successStatus, 204);
  assert.deepEqual([...(route?.query.keys() ?? [])], ['tags']);
  assert.equal(route?.method.output.typeName, EmptySchema.typeName);
});

test('path templates match what they say and nothing else', () => {
  for (const [template, yes, no] of [
    ['/v1/users/{id}', ['/v1/users/1', '/v1/users/a:b'], ['/v1/users', '/v1/users/', '/v1/users/1/2', '/V1/users/1']],
    ['/v1/events:batch', ['/v1/events:batch'], ['/v1/events', '/v1/events:batches']],
    ['/v1/users/{id}:archive', ['/v1/users/1:archive'], ['/v1/users/1', '/v1/users/1:other']],
    ['/v1/a.b', ['/v1/a.b'], ['/v1/axb']],
  ] as const) {
    const { pattern } = parsePathTemplate(template);
    for (const path of yes) assert.equal(pattern.test(path), true, path);
    for (const path of no) assert.equal(pattern.test(path), false, path);
  }
});
