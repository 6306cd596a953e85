export * from './access-log.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './observers.ts';
export * from './trace-service.ts';
export * from './traceparent.ts';
export * from './tracer.ts';
