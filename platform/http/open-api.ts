// The OpenAPI 3.1 document of the routes: from the same descriptors that route, bind and answer, so that it cannot
// promise anything else.
import type { DescService } from '@bufbuild/protobuf';
import { createSchemaBook } from './json-schema.ts';
import { operationOf, tagOf } from './open-api-operation.ts';
import { platformPaths } from './open-api-platform.ts';
import { commonComponents } from './open-api-problems.ts';
import type { Route } from './route.ts';

export interface OpenApiOptions {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly services: readonly DescService[];
  readonly routes: readonly Route[];
  /** Comments of the protos, by full name. */
  readonly docs: Readonly<Record<string, string>>;
  /** Whether feeds must show an API key here. */
  readonly needsApiKey: boolean;
  /** Paths that the server answers beside the routes: health, metrics, documentation. */
  readonly platformPaths: readonly string[];
}

export type OpenApiDocument = {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, unknown>>;
} & Record<string, unknown>;

export function openApiOf(options: OpenApiOptions): OpenApiDocument {
  const book = createSchemaBook(options.docs);
  const paths: Record<string, Record<string, unknown>> = {};
  const used = new Map<string, number>();
  for (const route of options.routes) {
    const count = (used.get(route.method.name) ?? 0) + 1;
    used.set(route.method.name, count);
    const path = paths[route.template.path] ?? {};
    paths[route.template.path] = path;
    const operationId = count === 1 ? route.method.name : `${route.method.name}${count}`;
    path[route.httpMethod.toLowerCase()] = operationOf(route, { book, operationId, ...options });
  }
  Object.assign(paths, platformPaths(options.platformPaths));
  const served = options.services.filter((service) => options.routes.some((route) => route.method.parent === service));
  return {
    openapi: '3.1.1',
    info: {
      title: options.title,
      version: options.version,
      description: options.description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    tags: [
      ...served.map((service) => ({
        name: tagOf(service),
        description: options.docs[service.typeName] ?? service.name,
      })),
      { name: 'Process', description: 'Health, metrics and documentation of this process.' },
    ],
    paths,
    components: {
      ...commonComponents(options.needsApiKey),
      schemas: { ...commonComponents(false).schemas, ...book.schemas },
    },
  };
}
