import assert from 'node:assert/strict';
import test from 'node:test';
import { Refusal } from '@tradepost/platform/errors';
import { alpha2Of } from './countries.ts';
import { change, emailKeyOf, isSame, type PersonFields, register, shownName } from './person.ts';

const ada = register({ firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' }) as PersonFields;

test('a person is shown by the given name, or by first and last name together', () => {
  assert.equal(shownName(ada), 'Ada Lovelace');
  assert.equal(shownName({ ...ada, name: 'The Countess' }), 'The Countess');
  assert.equal(shownName({ ...ada, lastName: '' }), 'Ada');
});

test('a person without a name or a first name is refused', () => {
  for (const given of [{ email: 'x@example.com' }, { email: 'x@example.com', lastName: 'Only' }, { name: '  ' }]) {
    const refused = register(given);
    assert.ok(refused instanceof Refusal);
    assert.equal(refused.code, 'name_missing');
    assert.equal(refused.options.errors?.[0]?.pointer, '/name');
  }
});

test('a country is taken as alpha-2 or alpha-3 in either case and stored as alpha-2', () => {
  const stored = ['GB', 'gbr', 'DEU', ''].map((country) => (change(ada, { country }) as PersonFields).country);
  assert.deepEqual(stored, ['GB', 'GB', 'DE', '']);
  assert.equal((change(ada, { country: 'ZZ' }) as Refusal).code, 'country_unknown');
  assert.equal(alpha2Of('XX'), undefined);
});

test('an update touches only what is given, and an empty name gives way to first and last name', () => {
  const named = change(ada, { name: 'The Countess' }) as PersonFields;
  assert.deepEqual({ ...named, name: null }, ada);
  assert.equal(shownName(change(named, { name: '' }) as PersonFields), 'Ada Lovelace');
  assert.ok(isSame(ada, change(ada, {}) as PersonFields));
  assert.ok(!isSame(ada, named));
});

test('addresses are compared without regard to case and to how accents are encoded', () => {
  assert.equal(emailKeyOf('ÉVA@Example.com'), emailKeyOf('éva@example.COM'));
  assert.equal(emailKeyOf('E\u0301va@example.com'), emailKeyOf('éva@example.com'));
});
