export { createFaultyBus } from '../events/faulty-bus.ts';
export * from './log-oracle.ts';
export * from './planted-faults.ts';
export * from './random.ts';
export * from './read-outbox.ts';
export * from './refusal-of.ts';
export * from './test-database.ts';
export type { TestPlatform, TestPlatformOptions } from './test-platform.ts';

/** Loaded when it is asked for: it brings the whole platform, which a test of one part does not need. */
export const testPlatform: typeof import('./test-platform.ts').testPlatform = async (options) =>
  (await import('./test-platform.ts')).testPlatform(options);
