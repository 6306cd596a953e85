import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitUnknownError, DatabaseUnavailableError } from '../db/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Logger } from '../service/context.ts';
import { refusalOfError } from './call-errors.ts';

const coded = (code: string): Error => Object.assign(new Error('a secret of the inside'), { code });

/** The answer, and the level and sentence of what was logged. */
function answerTo(error: unknown) {
  const logged: string[] = [];
  const at = (level: string) => (facts: object, message: string) => {
    assert.equal((facts as { error?: unknown }).error, error);
    logged.push(`${level} ${message}`);
  };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), line: at('line') };
  const { code, status, message, options } = refusalOfError(error, { requestId: 'r-1' }, 'a.B.c', log as Logger);
  assert.doesNotMatch(message, /secret/);
  return { code, status, retryAfterSeconds: options.retryAfterSeconds, logged };
}

test('what the database cannot do now is unavailable with a time to come back, and a warning', () => {
  for (const code of ['53100', '53200', '53300', '55P03', '57014', '40001', '40P01']) {
    const { logged, ...answer } = answerTo(coded(code));
    assert.deepEqual(answer, { code: 'database_busy', status: 'UNAVAILABLE', retryAfterSeconds: 1 }, code);
    assert.deepEqual(
      logged.map((line) => line.split(' ')[0]),
      ['warn'],
    );
  }
});

test('a full disk is named to the operator, also when the cause of the error tells it', () => {
  const sentence = 'warn The disk of PostgreSQL is full: free some space there; until then nothing can be written';
  assert.deepEqual(answerTo(coded('53100')).logged, [sentence]);
  assert.deepEqual(answerTo(new Error('around', { cause: coded('53100') })).code, 'database_busy');
});

test('a lost connection, one never had, and an unknown outcome are unavailable', () => {
  const codes = [
    new DatabaseUnavailableError('gone'),
    coded('57P01'),
    coded('ECONNRESET'),
    new CommitUnknownError('?'),
  ];
  assert.deepEqual(
    codes.map((error) => answerTo(error)).map(({ code, status, logged }) => `${code} ${status} ${logged}`),
    [
      'unavailable UNAVAILABLE warn A call found no database',
      'unavailable UNAVAILABLE warn A call found no database',
      'unavailable UNAVAILABLE warn A call found no database',
      'outcome_unknown UNAVAILABLE warn The outcome of a call is unknown',
    ],
  );
});

test('anything else is a bug, and a refusal is its own answer', () => {
  for (const error of [coded('23505'), coded('42P01'), new Error('a secret of the inside')]) {
    assert.deepEqual(answerTo(error), {
      ...{ code: 'internal', status: 'INTERNAL', retryAfterSeconds: undefined },
      logged: ['error A call failed because of a bug'],
    });
  }
  const refusal = new Refusal('mine', 'NOT_FOUND', 'Mine', 'Not here');
  assert.deepEqual(answerTo(refusal), {
    ...{ code: 'mine', status: 'NOT_FOUND', retryAfterSeconds: undefined },
    logged: [],
  });
});
