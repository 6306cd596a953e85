import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitUnknownError, DatabaseUnavailableError } from './database.ts';
import { versionFault } from './server-version.ts';
import { constraintOf, isConnectionLost, isTransient, sqlStateOf, wasNeverSent } from './sql-errors.ts';

const coded = (code: string, facts: object = {}): Error =>
  Object.assign(new Error('said by the server'), { code, ...facts });

test('The SQLSTATE is found on the error and on its cause, and a network code is none', () => {
  assert.equal(sqlStateOf(coded('23505')), '23505');
  assert.equal(sqlStateOf(new Error('around', { cause: coded('40001') })), '40001');
  assert.equal(sqlStateOf(coded('EPIPE')), undefined);
  assert.equal(sqlStateOf(undefined), undefined);
});

test('The constraint is told by name', () => {
  assert.equal(constraintOf(coded('23505', { constraint: 'users_email_key' })), 'users_email_key');
  assert.equal(constraintOf(coded('23502')), undefined);
  assert.equal(constraintOf('text'), undefined);
});

test('Lost races, lost connections and exhausted resources are transient; wrong statements are not', () => {
  const transient = ['40001', '40P01', '53300', '55P03', '57014', '57P01', '08006', '25P03', 'ECONNREFUSED', 'EPIPE'];
  const lasting = ['23505', '42601', '42P01', '22P02', '42501'];
  assert.deepEqual(
    [...transient, ...lasting].filter((code) => isTransient(coded(code))),
    transient,
  );
  assert.equal(isTransient(new DatabaseUnavailableError('gone')), true);
  assert.equal(isTransient(new CommitUnknownError('who knows', { cause: coded('57P01') })), false);
});

test('The sentences of the driver for a lost connection are known', () => {
  assert.equal(isConnectionLost(new Error('Connection terminated unexpectedly')), true);
  assert.equal(isConnectionLost(new Error('Query read timeout')), true);
  assert.equal(isConnectionLost(new Error('anything else')), false);
  assert.equal(wasNeverSent(new Error('Client has encountered a connection error and is not queryable')), true);
  assert.equal(wasNeverSent(new Error('Connection terminated unexpectedly')), false);
});

test('A server older than 15 is refused with what to do, without the password', () => {
  const url = 'postgresql://me:secret@db.example:5433/shop';
  assert.equal(versionFault(150_002, '15.2', url), undefined);
  assert.equal(
    versionFault(140_011, '14.11', url),
    'PostgreSQL at db.example:5433/shop is version 14.11: Tradepost needs 15 or later. ' +
      'Upgrade it, or leave the URL out to use the embedded server.',
  );
});
