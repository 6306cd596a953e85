import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from './failure.ts';
import { createOutput, type OutputFormat, type Shape } from './output.ts';

interface Person {
  readonly id: bigint;
  readonly name: string;
}

const shape: Shape<Person> = {
  columns: [
    { title: 'id', value: ({ id }) => id, right: true },
    { title: 'name', value: ({ name }) => name, most: 6 },
  ],
  json: ({ id, name }) => ({ id: Number(id), name }),
};
const people: Person[] = [
  { id: 1n, name: 'Ada' },
  { id: 42n, name: 'Grace\nHopper' },
];

function show(format: OutputFormat, isTTY = false) {
  const [out, err] = [[] as string[], [] as string[]];
  const stream = (lines: string[]) => ({ isTTY, columns: 80, write: (text: string) => lines.push(text) });
  return { output: createOutput(format, stream(out), stream(err)), out, err };
}

test('a table has its columns aligned, numbers to the right, one line a thing', () => {
  const { output, out } = show('table');
  output.list(shape, people, 'nobody');
  assert.deepEqual(out, ['ID  NAME\n', ' 1  Ada\n', '42  Grace Hopper\n']);
});

test('long cells are cut on a terminal only', () => {
  const { output, out } = show('table', true);
  output.list(shape, people, 'nobody');
  assert.equal(out[2], '42  Grace…\n');
});

test('an empty table says so, an empty list is an empty array', () => {
  const table = show('table');
  table.output.list(shape, [], 'nobody');
  assert.deepEqual(table.out, ['nobody\n']);
  const json = show('json');
  json.output.list(shape, [], 'nobody');
  assert.deepEqual(json.out, ['[]\n']);
});

test('ndjson is one object a line and nothing else', () => {
  const { output, out } = show('ndjson');
  output.say('hello');
  output.list(shape, people, 'nobody');
  assert.deepEqual(out, ['{"id":1,"name":"Ada"}\n', '{"id":42,"name":"Grace\\nHopper"}\n']);
});

test('one thing is shown field by field, longer texts below their name', () => {
  const { output, out } = show('table');
  output.one(shape, people[1] as Person);
  assert.deepEqual(out, ['id    42\n', 'name\n', '  Grace\n', '  Hopper\n']);
});

test('a failure is words with a fix for people and one object for programs', () => {
  const failure = new Failure('not_running', 'Nothing runs here', { fix: 'start it' });
  const table = show('table');
  table.output.failure(failure);
  assert.deepEqual(table.err, ['error: Nothing runs here (not_running)\nfix:   start it\n']);
  const json = show('json');
  json.output.failure(failure);
  assert.deepEqual(json.err, ['{"code":"not_running","message":"Nothing runs here","fix":"start it"}\n']);
});
