export * from './access-log.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './observers.ts';
export type { ServiceObservers } from './service-metrics.ts';
