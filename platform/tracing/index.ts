export * from './cause-facts.ts';
export * from './trace-batches.ts';
export * from './trace-calls.ts';
export * from './trace-service.ts';
export * from './traceparent.ts';
export * from './tracer.ts';
