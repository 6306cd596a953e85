export * from './core.ts';
export * from './host.ts';
export * from './hosted-service.ts';
export * from './steps.ts';
