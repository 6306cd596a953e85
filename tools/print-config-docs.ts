// Prints `docs/config.md` from the settings: the platform's, then those of every `services/*/config.ts`.
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type ConfigSpec,
  platformSettings,
  printSettingsReference,
  serviceDatabaseSettings,
} from '@tradepost/platform/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const INTRODUCTION = `# Configuration

Generated from the settings' declarations by \`npm run generate\`; do not edit.

A flag wins over an environment variable, which wins over the file that \`--config tradepost.yaml\` names, which wins over
the default. All faults are reported together, each with the line to paste. \`tradepost config print\` shows every value
and where it came from; \`tradepost config check\` only checks.

- In the file a setting stands in its section: \`http: { port: 8081 }\`. A key that does not exist is refused.
- Every setting may also be set as \`APP_\` and its key: \`APP_HTTP_PORT\`. Variables of one row that differ are refused.
- A secret may come from a file: \`API_KEY_FILE=/run/secrets/api-key\`, or \`access: { api_key_file: … }\`.
- An empty environment variable counts as unset.
`;

function isSpec(value: unknown): value is ConfigSpec {
  return typeof value === 'object' && value !== null && 'section' in value && 'settings' in value;
}

/** The specs of every service, its own database first. */
export async function listServiceSpecs(): Promise<ConfigSpec[]> {
  const found: ConfigSpec[] = [];
  for (const path of globSync('services/*/config.ts', { cwd: root }).sort()) {
    const module = (await import(pathToFileURL(`${root}/${path}`).href)) as Record<string, unknown>;
    for (const spec of Object.values(module).filter(isSpec)) {
      const hasDatabase = globSync(`services/${spec.section}/migrations/*.sql`, { cwd: root }).length > 0;
      if (hasDatabase) found.push(serviceDatabaseSettings(spec.section));
      found.push(spec);
    }
  }
  return found;
}

export async function printConfigDocs(): Promise<string> {
  const specs = [...platformSettings, ...(await listServiceSpecs())];
  return `${INTRODUCTION}\n${printSettingsReference(specs)}\n`;
}
