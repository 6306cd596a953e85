export * from './cursor-store.ts';
export * from './observer.ts';
export * from './ownership.ts';
export type { ParkedCounts, ParkedState } from './parked-store.ts';
export { OutageError } from './runner-work.ts';
export * from './start-consumer.ts';
