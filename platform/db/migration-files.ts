// Reads a folder of migrations, `0001-name.sql` …, and refuses one that is not whole: numbers from 1 without a gap, a
// first line that says why, `-- up` and `-- down`.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface MigrationSource {
  /** `platform`, or the service's name: it is stored with each migration. */
  readonly component: string;
  readonly folder: URL;
}

export interface MigrationFile {
  readonly component: string;
  readonly number: number;
  /** The file's name without `.sql`: `0001-orders`. */
  readonly name: string;
  readonly up: string;
  readonly down: string;
  /** False after a line `-- no transaction`, for a single statement that refuses to run in one. */
  readonly transactional: boolean;
  /** SHA-256 of the whole file. */
  readonly checksum: string;
}

const FILE_NAME = /^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.sql$/;
const platformFolder = new URL('../migrations/', import.meta.url);

/** What a service's database is made of, in order: the platform's tables, then its own. */
export function migrationSources(service: string, folder?: URL): MigrationSource[] {
  const platform = { component: 'platform', folder: platformFolder };
  return folder === undefined ? [platform] : [platform, { component: service, folder }];
}

/** @throws an Error that names the file that is wrong. */
export function readMigrations({ component, folder }: MigrationSource): MigrationFile[] {
  const path = fileURLToPath(folder);
  const names = readdirSync(path)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const file = parseMigration(component, name, readFileSync(join(path, name), 'utf8'));
    if (file.number === index + 1) return file;
    const expected = String(index + 1).padStart(4, '0');
    throw new Error(`Migration ${component}/${name} stands where number ${expected} should: number them without gaps.`);
  });
}

function parseMigration(component: string, name: string, text: string): MigrationFile {
  const number = Number(FILE_NAME.exec(name)?.[1] ?? Number.NaN);
  if (Number.isNaN(number)) throw new Error(`Migration ${component}/${name} must be named like 0001-orders.sql.`);
  const lines = text.split('\n');
  const up = lines.findIndex((line) => line.trim() === '-- up');
  const down = lines.findIndex((line) => line.trim() === '-- down');
  if (!/^-- \S/.test(lines[0] ?? '') || up < 1 || down < up) {
    throw new Error(
      `Migration ${component}/${name} must begin with a comment line that says why, then "-- up", then "-- down".`,
    );
  }
  return {
    component,
    number,
    name: basename(name, '.sql'),
    up: lines.slice(up + 1, down).join('\n'),
    down: lines.slice(down + 1).join('\n'),
    transactional: !lines.some((line) => line.trim() === '-- no transaction'),
    checksum: createHash('sha256').update(text).digest('hex'),
  };
}

/** Writes the next numbered skeleton. @returns its path. */
export function newMigration(folder: URL, name: string): string {
  const path = fileURLToPath(folder);
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (slug === '') throw new Error('A migration needs a name of letters and digits, like "orders by user".');
  const number = readMigrations({ component: basename(path), folder }).length + 1;
  const file = join(path, `${String(number).padStart(4, '0')}-${slug}.sql`);
  writeFileSync(file, '-- Say here why this change is made.\n\n-- up\n\n-- down\n', { flag: 'wx' });
  return file;
}
