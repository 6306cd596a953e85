// A migration that has landed is frozen: databases in the world have run it. `tools/freeze-migrations.ts` adds new ones
// to `migrations.json`; nothing changes a line that is there.
import { createHash } from 'node:crypto';
import type { Fault, Rule } from './repository.ts';

const FROZEN = 'tests/tidy/migrations.json';
export const isMigration = (path: string): boolean => /(^|\/)migrations\/[^/]+\.sql$/.test(path);
export const checksumOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export const migrations: Rule = {
  name: 'landed migrations are frozen',
  check: ({ files }): Fault[] => {
    const list = files.find(({ path }) => path === FROZEN);
    const frozen = JSON.parse(list?.text ?? '{}') as Record<string, string>;
    const present = new Map(files.filter(({ path }) => isMigration(path)).map(({ path, text }) => [path, text]));
    const faults: Fault[] = [];
    for (const [path, checksum] of Object.entries(frozen)) {
      const text = present.get(path);
      if (text === undefined) faults.push({ path, says: 'has landed and is gone: put it back' });
      else if (checksumOf(text) !== checksum) faults.push({ path, says: 'has landed and changed: write a new one' });
    }
    for (const [path, text] of present) {
      if (!Object.hasOwn(frozen, path)) faults.push({ path, says: 'is not frozen: run npm run freeze' });
      faults.push(...judgeForm(path, text));
    }
    return faults;
  },
};

function judgeForm(path: string, text: string): Fault[] {
  const faults: Fault[] = [];
  if (!/^\d{4}-[a-z0-9-]+\.sql$/.test(path.split('/').at(-1) ?? ''))
    faults.push({ path, says: 'is not named like 0001-orders.sql' });
  if (!/^-- (?!up|down)\S/.test(text)) faults.push({ path, line: 1, says: 'the first line has to say why' });
  for (const section of ['up', 'down'])
    if (!new RegExp(`^-- ${section}$`, 'm').test(text)) faults.push({ path, says: `has no section "-- ${section}"` });
  return faults;
}
