import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wholeNumberArgument } from './parse-argument.ts';
import { wantedVerb } from './program.ts';
import { splitArguments } from './settings.ts';

test('settings are told from words, with a value behind or after =, or switched on', () => {
  assert.deepEqual(splitArguments(['user', '--http-port', '9000', 'score', '--log-level=debug', '--access-open']), {
    words: ['user', 'score'],
    flags: { 'http-port': '9000', 'log-level': 'debug', 'access-open': 'true' },
  });
  assert.deepEqual(splitArguments(['--a=b=c', '--n', '-1']).flags, { a: 'b=c', n: '-1' });
  assert.throws(() => splitArguments(['-x']), /there is no option -x/);
});

test('the verb is found behind options and their values', () => {
  assert.equal(wantedVerb(['--output', 'json', 'user', 'list']), 'user');
  assert.equal(wantedVerb(['--url=x:1', 'mail']), 'mail');
  assert.equal(wantedVerb(['--help']), undefined);
});

test('numbers are refused with their bounds', () => {
  const parse = wholeNumberArgument('--limit', 1, 200);
  assert.equal(parse('200'), 200);
  assert.throws(() => parse('201'), /--limit must be from 1 to 200, not 201/);
  assert.throws(() => parse('1e3'), /--limit must be a whole number, not "1e3"/);
});
