export * from './codec.ts';
export { jsonNameOf } from './field-name.ts';
export { MAX_DEPTH } from './json-text.ts';
export { formatTimestamp, parseTimestamp } from './rfc3339.ts';
