export * from './failpoints.ts';
