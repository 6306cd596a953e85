export { type DueIntent, type IntentCounts, type IntentState, insertIntents } from './effect-store.ts';
export * from './observer.ts';
export * from './start-effects.ts';
