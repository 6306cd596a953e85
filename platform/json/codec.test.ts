import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { StructSchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ScoreEventSchema, ScoreSchema, SendScoreEventsRequestSchema } from '@tradepost/contracts/score';
import {
  CreateUserRequestSchema,
  ListUsersResponseSchema,
  UpdateUserRequestSchema,
  UserSchema,
} from '@tradepost/contracts/user';
import { decodeJson, decodeJsonValue, encodeJson, fieldDecoder, fieldEncoder, prepareJson } from './index.ts';

function faultsOf(schema: DescMessage, text: string | Uint8Array): string[] {
  const { faults = [] } = decodeJson(schema, text);
  return faults.map((fault) => `${fault.pointer} ${fault.code}`);
}

function written<S extends DescMessage>(schema: S, init: MessageInitShape<S>): string {
  return encodeJson(schema, create(schema, init));
}

test('a score event is written exactly as documented', () => {
  assert.equal(
    written(ScoreEventSchema, { userId: 42n, newScore: 730, change: 15 }),
    '{"user_id":42,"new_score":730,"change":15}',
  );
});

test('scalars are always written, absent optional fields and messages are not', () => {
  assert.equal(written(ScoreSchema, {}), '{"user_id":0,"last_change":0,"events":0}');
  assert.equal(written(ScoreSchema, { score: 0 }), '{"user_id":0,"score":0,"last_change":0,"events":0}');
  assert.equal(written(ListUsersResponseSchema, {}), '{"data":[],"next_cursor":"","has_more":false}');
});

test('times are written in UTC with the digits that they have', () => {
  const at = (nanos: number) => written(ScoreSchema, { updatedAt: { seconds: 1_796_000_000n, nanos } }).slice(40, -1);
  assert.equal(at(0), '"updated_at":"2026-11-30T00:53:20Z"');
  assert.equal(at(120_000_000), '"updated_at":"2026-11-30T00:53:20.120Z"');
  assert.equal(at(120_001_000), '"updated_at":"2026-11-30T00:53:20.120001Z"');
  assert.equal(at(7), '"updated_at":"2026-11-30T00:53:20.000000007Z"');
});

test('what is written is read back as the same message', () => {
  const user = create(UserSchema, {
    id: 9_007_199_254_740_993n,
    name: 'Ada "the Countess" Lovelace \u2028 🎉 \\ \n',
    email: 'ada@example.com',
    createdAt: timestampFromDate(new Date('2026-11-21T05:00:00.123Z')),
    revision: -9_223_372_036_854_775_808n,
  });
  const text = encodeJson(UserSchema, user);
  assert.equal(text.startsWith('{"id":"9007199254740993","name":'), true);
  assert.equal(JSON.parse(text).name, user.name);
  assert.deepEqual(decodeJson(UserSchema, text), { message: user });
  assert.deepEqual(decodeJson(UserSchema, Buffer.from(`\ufeff ${text}\n`)), { message: user });
});

test('a message read has the form that the library gives it', () => {
  const { message } = decodeJson(CreateUserRequestSchema, '{"email":"a@b.c"}');
  assert.deepEqual(message, create(CreateUserRequestSchema, { email: 'a@b.c' }));
});

test('64-bit integers are read exactly from numbers and from plain digits in strings', () => {
  for (const [text, value] of [
    ['42', 42n],
    ['"42"', 42n],
    ['-0', 0n],
    ['42.0', 42n],
    ['9007199254740993.000', 9_007_199_254_740_993n],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['"9223372036854775807"', 9_223_372_036_854_775_807n],
    ['-9223372036854775808', -9_223_372_036_854_775_808n],
  ] as const) {
    assert.equal(decodeJson(ScoreEventSchema, `{"user_id":${text}}`).message?.userId, value, text);
  }
  for (const [text, code] of [
    ['9223372036854775808', 'out_of_range'],
    ['"-9223372036854775809"', 'out_of_range'],
    ['1'.repeat(100_000), 'out_of_range'],
    [`"${'1'.repeat(60_000)}"`, 'out_of_range'],
    ['1.01', 'not_an_integer'],
    ['"1.0"', 'not_an_integer'],
    ['1e3', 'not_an_integer'],
    ['1.5', 'not_an_integer'],
    ['"0x10"', 'not_an_integer'],
    ['" 5"', 'not_an_integer'],
    ['"5\\n"', 'not_an_integer'],
    ['"+5"', 'not_an_integer'],
    ['"007"', 'not_an_integer'],
    ['""', 'not_an_integer'],
    ['"1e3"', 'not_an_integer'],
    ['true', 'wrong_type'],
    ['null', 'wrong_type'],
    ['[1]', 'wrong_type'],
    ['{}', 'wrong_type'],
  ] as const) {
    assert.deepEqual(faultsOf(ScoreEventSchema, `{"user_id":${text}}`), [`/user_id ${code}`], text.slice(0, 30));
  }
});

test('32-bit integers are numbers within their range', () => {
  assert.equal(decodeJson(ScoreEventSchema, '{"change":-2147483648}').message?.change, -2_147_483_648);
  assert.equal(decodeJson(ScoreEventSchema, '{"change":2147483647}').message?.change, 2_147_483_647);
  assert.equal(decodeJson(ScoreEventSchema, '{"change":15.0}').message?.change, 15);
  for (const [text, code] of [
    ['2147483648', 'out_of_range'],
    ['-2147483649', 'out_of_range'],
    ['9999999999999999999999', 'out_of_range'],
    ['"5"', 'wrong_type'],
    ['0.5', 'not_an_integer'],
  ] as const) {
    assert.deepEqual(faultsOf(ScoreEventSchema, `{"change":${text}}`), [`/change ${code}`], text);
  }
});

test('all faults are told at once, each with its place and a sentence', () => {
  const { faults } = decodeJson(
    SendScoreEventsRequestSchema,
    '{"items":[{"event":{"user_id":1.5,"New_score":1,"change":"x"}},' +
      '{"idempotency_key":7,"a/b~":[]}],"more":{"x":[1,{}]}}',
  );
  assert.deepEqual(
    faults?.map((fault) => `${fault.pointer} ${fault.code}: ${fault.detail}`),
    [
      '/items/0/event/user_id not_an_integer: items[0].event.user_id must be an integer, written in plain digits',
      '/items/0/event/New_score unknown_field: items[0].event.New_score is not a field of this message; ' +
        'did you mean new_score?',
      '/items/0/event/change wrong_type: items[0].event.change must be an integer, not a string',
      '/items/1/idempotency_key wrong_type: items[1].idempotency_key must be a string, not a number',
      '/items/1/a~1b~0 unknown_field: items[1].a/b~ is not a field of this message',
      '/more unknown_field: more is not a field of this message',
    ],
  );
});

test('a field given twice is refused, in whatever order', () => {
  assert.deepEqual(faultsOf(ScoreEventSchema, '{"user_id":1,"user_id":1}'), ['/user_id duplicate_field']);
  assert.deepEqual(faultsOf(ScoreEventSchema, '{"change":1,"user_id":1,"change":2}'), ['/change duplicate_field']);
  assert.deepEqual(faultsOf(ScoreEventSchema, '{"change":1,"user_id":1,"new_score":2}'), []);
  assert.deepEqual(faultsOf(ScoreEventSchema, '{"user_id":1,"\\u0075ser_id":2}'), ['/user_id duplicate_field']);
});

test('names of the prototype are unknown fields like any other', () => {
  for (const name of ['__proto__', 'constructor', 'toString', '$typeName', 'userId']) {
    assert.deepEqual(faultsOf(ScoreEventSchema, `{"${name}":{"polluted":1}}`), [`/${name} unknown_field`]);
    const { message } = decodeJson(ScoreEventSchema, `{"${name}":{"polluted":1}}`, { ignoreUnknown: true });
    assert.deepEqual(message, create(ScoreEventSchema));
  }
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('unknown fields are read over when asked to, but must be JSON', () => {
  const read = (text: string) => decodeJson(ScoreEventSchema, text, { ignoreUnknown: true });
  assert.equal(read('{"x":[{"y":[null,true,-1.5e+3,"\\u0000"]}],"change":3}').message?.change, 3);
  assert.equal(read('{"x":[}').faults?.[0]?.code, 'malformed_json');
});

test('what is no JSON is refused with its place', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '{"change"',
    '{"change":',
    '{"change":1',
    '{"change":1,}',
    '{change:1}',
    "{'change':1}",
    '{"change":01}',
    '{"change":1}x',
    '{"change":.5}',
    '{"change":1.}',
    '{"change":-}',
    '{"change":1e}',
    '{"change":+1}',
    '{"change":NaN}',
    '{"change":Infinity}',
    '{"change":0x10}',
    '{"change":tru}',
    '{"change":1}{}',
    '[1,]',
    '{"x":"a\nb"}',
    '{"x":"\\x"}',
    '{"x":"\\u12"}',
    '{"x":"abc',
    '{"x":"abc\\',
    '{,}',
    '{"change" 1}',
    '// {}',
    '{"change":1 /* */}',
    '\u00a0{}',
  ]) {
    assert.deepEqual(faultsOf(ScoreEventSchema, text), [' malformed_json'], JSON.stringify(text));
  }
  assert.equal(
    decodeJson(ScoreEventSchema, '{"user_id":1,\n "change":}').faults?.[0]?.detail,
    'the body is not valid JSON: a value is expected at line 2, column 11',
  );
});

test('other values than an object are refused', () => {
  for (const text of ['null', '[]', '1', '"x"', 'true']) {
    assert.deepEqual(faultsOf(ScoreEventSchema, text), [' wrong_type'], text);
  }
});

test('deep nesting is refused without touching the stack', () => {
  const deep = `{"x":${'['.repeat(200_000)}`;
  assert.deepEqual(faultsOf(ScoreEventSchema, deep), [' too_deep']);
  assert.deepEqual(faultsOf(ScoreEventSchema, `{"x":${'{"x":'.repeat(100_000)}`), [' too_deep']);
});

test('the list of faults is bounded', () => {
  const text = `{${Array.from({ length: 2000 }, (_, at) => `"f${at}":1`).join(',')}}`;
  assert.equal(decodeJson(ScoreEventSchema, text).faults?.length, 50);
});

test('text that is no Unicode is refused', () => {
  assert.deepEqual(faultsOf(CreateUserRequestSchema, Buffer.from([0x7b, 0xff, 0x7d])), [' invalid_utf8']);
  assert.deepEqual(faultsOf(CreateUserRequestSchema, Buffer.from('{"name":"\xc3"}', 'latin1')), [' invalid_utf8']);
  assert.deepEqual(faultsOf(CreateUserRequestSchema, '{"name":"\\ud800"}'), ['/name invalid_text']);
  assert.deepEqual(faultsOf(CreateUserRequestSchema, '{"name":"a\\u0000b"}'), ['/name invalid_text']);
  assert.equal(decodeJson(CreateUserRequestSchema, '{"name":"\\ud83c\\udf89"}').message?.name, '🎉');
});

test('times are read in any offset, and only real ones', () => {
  const read = (text: string) => decodeJson(ScoreSchema, `{"updated_at":${text}}`);
  const utc = read('"2026-11-21T05:00:00.5Z"').message?.updatedAt;
  assert.deepEqual(utc, timestampFromDate(new Date('2026-11-21T05:00:00.500Z')));
  assert.deepEqual(read('"2026-11-21T06:30:00.500+01:30"').message?.updatedAt, utc);
  assert.equal(read('"0001-01-01T00:00:00Z"').message?.updatedAt?.seconds, -62_135_596_800n);
  for (const text of [
    '"2026-02-30T00:00:00Z"',
    '"2026-11-21"',
    '"2026-11-21T05:00:00"',
    '"now"',
    '"0001-01-01T00:00:00+01:00"',
    '""',
  ]) {
    assert.deepEqual(
      read(text).faults?.map((fault) => fault.code),
      ['invalid_value'],
      text,
    );
  }
  assert.deepEqual(
    read('1796000000').faults?.map((fault) => fault.code),
    ['wrong_type'],
  );
});

test('a field mask is read from an array or from names with commas', () => {
  for (const text of ['"name,country"', '["name","country"]']) {
    const { message } = decodeJson(UpdateUserRequestSchema, `{"update_mask":${text}}`);
    assert.deepEqual(message?.updateMask?.paths, ['name', 'country']);
  }
  assert.deepEqual(faultsOf(UpdateUserRequestSchema, '{"update_mask":["name",1]}'), ['/update_mask/1 wrong_type']);
});

test('one field can be written and read alone', () => {
  const data = ListUsersResponseSchema.field.data as never;
  assert.equal(fieldEncoder(data)([]), '[]');
  const read = fieldDecoder(data)('[{"id":1},{"id":"x"}]');
  assert.deepEqual(
    read.faults?.map((fault) => fault.pointer),
    ['/1/id'],
  );
});

test('a parsed value is read like its text', () => {
  assert.equal(
    decodeJsonValue(ScoreEventSchema, { user_id: 9_007_199_254_740_993n }).message?.userId,
    9_007_199_254_740_993n,
  );
  assert.equal(decodeJsonValue(ScoreEventSchema, undefined).faults?.[0]?.code, 'wrong_type');
});

test('a schema without a JSON form here is refused when it is prepared', () => {
  assert.throws(() => prepareJson(StructSchema), /google.protobuf.Struct has no JSON form/);
});
