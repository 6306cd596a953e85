// The user service: people, and how to reach them.
import { UserService } from '@tradepost/contracts/user';
import { defineService, implement } from '@tradepost/platform/service';
import { userConfig } from './config.ts';
import { createUser } from './features/create-user.ts';
import { deleteUser } from './features/delete-user.ts';
import { batchGetUsers, getUser, listUsers } from './features/read-users.ts';
import { seedPeople } from './features/seed-people.ts';
import { updateUser } from './features/update-user.ts';

export const user = defineService({
  name: 'user',
  summary: 'People: who exists, and how to reach them.',
  config: userConfig,
  migrations: new URL('./migrations/', import.meta.url),
  rpc: [implement(UserService, { createUser, getUser, batchGetUsers, listUsers, updateUser, deleteUser })],
  reactions: [],
  effects: [],
  jobs: [seedPeople],
});
