// Prints `docs/errors.md` from the refusal catalogues: every `*refusals.ts` of the platform and the services.
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { httpStatusOf, type RefusalCatalogue } from '@tradepost/platform/errors';

const root = fileURLToPath(new URL('..', import.meta.url));
const INTRODUCTION = `# Errors

Generated from the refusal catalogues by \`npm run generate\`; do not edit.

Every error of the REST interface is \`application/problem+json\` (RFC 9457) with \`type\`, \`title\`, \`status\`, \`detail\`,
\`instance\`, \`code\`, \`request_id\`, \`trace_id\`, and for a bad request \`errors: [{pointer, code, detail}]\`. gRPC carries the
same code as the reason of a \`google.rpc.ErrorInfo\`. 400 is a request that breaks its schema, 422 one that fits it and
still cannot be meant. The code is stable; the title and the detail are for people.
`;

export interface DocumentedRefusal {
  readonly owner: string;
  readonly code: string;
  readonly title: string;
  readonly grpc: string;
  readonly http: number;
}

/** Every refusal of every catalogue, by owner and code. */
export async function listRefusals(): Promise<DocumentedRefusal[]> {
  const paths = globSync(['platform/**/*refusals.ts', 'services/**/*refusals.ts'], { cwd: root }).sort();
  const found: DocumentedRefusal[] = [];
  for (const path of paths) {
    const [area = '', owner = ''] = path.split(/[\\/]/);
    const module = (await import(pathToFileURL(`${root}/${path}`).href)) as Record<string, unknown>;
    for (const exported of Object.values(module)) {
      const catalogue = catalogueOf(exported);
      for (const [code, entry] of Object.entries(catalogue)) {
        const http = entry.httpStatus ?? httpStatusOf(entry.status);
        const name = area === 'platform' ? 'platform' : owner;
        found.push({ owner: name, code, title: entry.title, grpc: entry.status, http });
      }
    }
  }
  return found.sort((a, b) => (`${a.owner} ${a.code}` < `${b.owner} ${b.code}` ? -1 : 1));
}

function catalogueOf(exported: unknown): RefusalCatalogue {
  const candidate = typeof exported === 'function' ? (exported as { catalogue?: unknown }).catalogue : undefined;
  return (candidate ?? {}) as RefusalCatalogue;
}

export async function printErrorDocs(): Promise<string> {
  const refusals = await listRefusals();
  const owners = [...new Set(refusals.map((refusal) => refusal.owner))];
  const sections = owners.map((owner) => {
    const rows = refusals.filter((refusal) => refusal.owner === owner);
    return [
      `## ${owner}`,
      '',
      '| Code | HTTP | gRPC | Meaning |',
      '| --- | --- | --- | --- |',
      ...rows.map(({ code, http, grpc, title }) => `| \`${code}\` | ${http} | ${grpc} | ${title} |`),
      '',
    ].join('\n');
  });
  return [INTRODUCTION, ...sections].join('\n');
}
