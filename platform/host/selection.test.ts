import assert from 'node:assert/strict';
import test from 'node:test';
import { events } from '@tradepost/contracts/events';
import { defineConfig } from '../config/index.ts';
import { reaction, type ServiceDefinition } from '../service/index.ts';
import { refuseOpenSelection } from './selection.ts';

const bare = { summary: '', rpc: [], reactions: [], effects: [], jobs: [] };
const service = (name: string, more: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
  ...{ name, config: defineConfig(name, {}), ...bare },
  ...more,
});
const listens = reaction({ name: 'b.a-events', on: [events.UserCreated], apply: async () => {} });

test('services that have all that they ask and listen to beside them may start', () => {
  refuseOpenSelection([service('user'), service('b', { asks: ['user'], reactions: [listens] })]);
  refuseOpenSelection([service('user')]);
});

test('a service without those that it asks or listens to is refused with their names', () => {
  assert.throws(() => refuseOpenSelection([service('b', { asks: ['c'], reactions: [listens] })]), {
    message:
      'These services cannot run without c (needed by b) and user (needed by b), which a process cannot reach in ' +
      'another one yet: start b c user together.',
  });
});
