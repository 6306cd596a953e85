export * from './is-passing.ts';
export * from './refusal.ts';
export * from './status.ts';
