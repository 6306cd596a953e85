export * from './database-url.ts';
export * from './faults.ts';
export * from './load-config.ts';
export * from './platform-config.ts';
export * from './platform-settings.ts';
export * from './print-config.ts';
export * from './setting-types.ts';
export * from './spec.ts';
