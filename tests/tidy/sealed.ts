// A service's package exports nothing, so nobody can import it; every workspace is private and names exact versions.
import type { Fault, Rule, SourceFile } from './repository.ts';

interface Manifest {
  readonly private?: boolean;
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function judge({ path, text }: SourceFile): string[] {
  const manifest = JSON.parse(text) as Manifest;
  const says: string[] = [];
  if (path.startsWith('services/') && JSON.stringify(manifest.exports) !== '{}')
    says.push('a service is sealed: write "exports": {}');
  if (manifest.private !== true) says.push('nothing here is published: write "private": true');
  const versions = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  for (const [name, version] of Object.entries(versions))
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) says.push(`${name} needs an exact version, not ${version}`);
  return says;
}

export const sealed: Rule = {
  name: 'services are sealed and versions exact',
  check: ({ files }): Fault[] =>
    files
      .filter(({ path }) => /(^|\/)package\.json$/.test(path))
      .flatMap((file) => judge(file).map((says) => ({ path: file.path, says }))),
};
