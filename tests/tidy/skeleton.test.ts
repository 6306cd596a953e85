import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionsOf } from './functions.ts';
import { repositoryOf, type SourceFile } from './repository.ts';
import { blankOut } from './skeleton.ts';

const file = (text: string): SourceFile => repositoryOf({ 'a.ts': text }).files[0] as SourceFile;

test('comments and the insides of strings, templates and patterns are blanked, code is kept', () => {
  const cases = [
    ["a('x{y'); // z", "a('   ');     "],
    ['a /* {\n */ b', 'a     \n    b'],
    ['`x§{a}y§{`b§{c}`}z`', '` §{a} §{` §{c}`} `'],
    ['`§{{ a: 1 }.a}x`;b', '`§{{ a: 1 }.a} `;b'],
    ["x = /[/']{/.test(a) / 2", 'x = /      .test(a) / 2'],
    ["'it\\'s' + b", "'     ' + b"],
    ["return /'/.exec(a)", 'return /  .exec(a)'],
  ];
  for (const [source = '', skeleton = ''] of cases.map((pair) => pair.map((text) => text.replaceAll('§', '$')))) {
    const blanked = blankOut(source);
    assert.equal(blanked.length, source.length, source);
    assert.equal(blanked.replaceAll(/[ /]/g, ''), skeleton.replaceAll(/[ /]/g, ''), source);
  }
});

test('functions are found with their names and their own lines', () => {
  const text = [
    'export async function placeOrder(input: Input<{ a: 1 }>): Promise<void> {',
    '  if (input) {',
    '    work();',
    '  }',
    '}',
    'const later = async (a: number): Promise<number> => {',
    '  return a;',
    '};',
    'class Store {',
    '  find(id: bigint) {',
    '    return list.map((a) => {',
    '      return a;',
    '    });',
    '  }',
    '}',
  ].join('\n');
  assert.deepEqual(
    functionsOf(file(text)).map(({ name, line, ownLines }) => [name, line, ownLines]),
    [
      ['placeOrder', 1, 5],
      ['later', 6, 3],
      ['arrow', 11, 3],
      ['find', 10, 3],
    ],
  );
});
