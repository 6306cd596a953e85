// The whole system on one page: its services, and where each listens when it runs apart.
import type { ServiceDefinition } from '@tradepost/platform/service';
import { delivery } from '../services/delivery/service.ts';
import { gateway } from '../services/gateway/service.ts';
import { notification } from '../services/notification/service.ts';
import { score } from '../services/score/service.ts';
import { user } from '../services/user/service.ts';

export interface Placement {
  readonly service: ServiceDefinition;
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** In the order in which they start: who is asked stands before who asks. */
export const topology: readonly Placement[] = [
  { service: user, httpPort: 8081, grpcPort: 50051 },
  { service: score, httpPort: 8082, grpcPort: 50052 },
  { service: notification, httpPort: 8087, grpcPort: 50057 },
  { service: delivery, httpPort: 8088, grpcPort: 50058 },
  { service: gateway, httpPort: 8080, grpcPort: 50059 },
];
