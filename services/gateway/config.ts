// Every setting of the gateway; the ports and limits of the edge are the platform's.
import { type ConfigOf, defineConfig } from '@tradepost/platform/config';

export const gatewayConfig = defineConfig('gateway', {});

export type GatewayConfig = ConfigOf<typeof gatewayConfig.settings>;
