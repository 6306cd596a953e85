// Every setting of the gateway; the ports and limits of the edge are the platform's.
import { defineConfig } from '@tradepost/platform/config';

export const gatewayConfig = defineConfig('gateway', {});
