// Prints the event catalogue: one typed constant per event that a service declares with `publishes`.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DescFile, getExtension, hasExtension } from '@bufbuild/protobuf';

interface Entry {
  name: string;
  owner: string;
  service: string;
  schema: string;
  module: string;
}

/** @param gen folder of the generated code. @returns the source of `events.ts`. */
export async function printCatalogue(gen: string): Promise<string> {
  const options = await load(join(gen, 'tradepost/options/v1/options_pb.ts'));
  const publishes = options['publishes'] as Parameters<typeof getExtension>[1];
  const entries: Entry[] = [];
  for (const owner of readdirSync(join(gen, 'tradepost')).sort()) {
    const module = `./tradepost/${owner}/v1/${owner}_pb.ts`;
    const exports = await load(join(gen, module));
    const file = exports[`file_tradepost_${owner}_v1_${owner}`] as DescFile;
    for (const service of file.services) {
      if (!service.proto.options || !hasExtension(service.proto.options, publishes)) continue;
      const declared = getExtension(service.proto.options, publishes) as { name: string; payload: string }[];
      for (const event of declared) {
        const message = file.messages.find((candidate) => candidate.typeName === event.payload);
        if (!message) throw new Error(`${event.name}: no message ${event.payload} in ${file.name}`);
        entries.push({ name: event.name, owner, service: service.name, schema: `${message.name}Schema`, module });
      }
    }
  }
  return print(entries);
}

async function load(path: string): Promise<Record<string, unknown>> {
  return (await import(`${pathToFileURL(path).href}?at=${Date.now()}`)) as Record<string, unknown>;
}

function print(entries: Entry[]): string {
  const modules = [...new Set(entries.map((entry) => entry.module))];
  const imports = modules.map((module) => {
    const used = entries.filter((entry) => entry.module === module).flatMap((entry) => [entry.schema, entry.service]);
    return `import { ${[...new Set(used)].sort().join(', ')} } from "${module}";`;
  });
  const constants = entries.map(
    (entry) => `  ${entry.name}: declareEvent(${entry.service}, ${entry.schema}, "${entry.name}", "${entry.owner}"),`,
  );
  return [
    '// Generated from the `publishes` options in contracts/proto. Do not edit; run `npm run generate`.',
    '/* eslint-disable */',
    'import { declareEvent } from "../declare-event.ts";',
    ...imports,
    '',
    'export const events = {',
    ...constants,
    '} as const;',
    '',
  ].join('\n');
}
