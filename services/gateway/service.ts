// The gateway: one HTTP port for the REST routes of all services.
import { DeliveryService } from '@tradepost/contracts/delivery';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { defineService } from '@tradepost/platform/service';
import { gatewayConfig } from './config.ts';

export const gateway = defineService({
  name: 'gateway',
  summary: 'One HTTP port for the REST routes of all services.',
  config: gatewayConfig,
  rpc: [],
  reactions: [],
  effects: [],
  jobs: [],
  edge: [UserService, ScoreService, NotificationService, DeliveryService],
});
