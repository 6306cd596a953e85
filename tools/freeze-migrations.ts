// Adds migrations that are not yet in `tests/tidy/migrations.json` with their checksums. It never changes a line that
// is there: one that has not left your branch is thawed by deleting its line by hand.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checksumOf } from '../tests/tidy/migrations.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const list = join(root, 'tests/tidy/migrations.json');
const frozen = JSON.parse(readFileSync(list, 'utf8')) as Record<string, string>;
const paths = globSync(['platform/migrations/*.sql', 'services/*/migrations/*.sql'], { cwd: root });

for (const path of paths.map((path) => path.split(sep).join('/')).sort()) {
  if (Object.hasOwn(frozen, path)) continue;
  frozen[path] = checksumOf(readFileSync(join(root, path), 'utf8'));
  console.log(`frozen ${path}`);
}
writeFileSync(list, `${JSON.stringify(frozen, null, 2)}\n`);
