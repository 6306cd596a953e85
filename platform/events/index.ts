export * from './bus.ts';
export * from './consume/index.ts';
export * from './encode-event.ts';
export * from './log/index.ts';
export * from './part-of-key.ts';
export * from './transaction.ts';
