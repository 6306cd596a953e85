export { createAdvanceListeners } from './advance-listeners.ts';
export * from './lease.ts';
export * from './log-reader.ts';
export * from './log-record.ts';
export { ensurePartitions, isMissingPartition, PARTITION_ROWS } from './outbox-partitions.ts';
export * from './sequencer.ts';
