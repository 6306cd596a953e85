export * from './operations.ts';
export type { OperatedConsumer, OperatedProcess, OperatedService } from './sources.ts';
