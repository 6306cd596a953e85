import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Fault, readRepository } from './tidy/repository.ts';
import { rules } from './tidy/rules.ts';

const repository = readRepository(fileURLToPath(new URL('..', import.meta.url)));
const print = ({ path, line, says }: Fault): string => `${path}${line === undefined ? '' : `:${line}`} ${says}`;

for (const rule of rules) {
  test(rule.name, async () => {
    const faults = await rule.check(repository);
    assert.deepEqual(faults.map(print), []);
  });
}

test('the rules read the repository: its files are found', () => {
  assert.ok(repository.files.length > 100, `only ${repository.files.length} files`);
  assert.ok(repository.has('platform/service/feature.ts'));
});
