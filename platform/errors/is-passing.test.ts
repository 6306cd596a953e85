import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPassing } from './is-passing.ts';
import type { StatusName } from './refusal.ts';

test('what says to come back passes; what is wrong with the request, and a bug, does not', () => {
  const passing: StatusName[] = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED'];
  const lasting: StatusName[] = ['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'INTERNAL'];
  assert.deepEqual(
    [...passing, ...lasting].filter((status) => isPassing({ status })),
    passing,
  );
});
