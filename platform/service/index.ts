export * from './context.ts';
export * from './define-service.ts';
export * from './feature.ts';
