// Shows a configuration to a person: values with their sources, secrets hidden, and the reference of all settings.
import type { ConfigFault } from './faults.ts';
import type { ConfigEntry } from './load-config.ts';
import { type ConfigSpec, nameSettings } from './spec.ts';

/** A row of `config print`. Secrets show that they are set and nothing else. */
export function shownEntry(entry: ConfigEntry): { key: string; value: string; source: string } {
  return { key: entry.key, value: shownValue(entry), source: entry.source };
}

function shownValue(entry: ConfigEntry): string {
  if (entry.value === undefined) return '';
  if (entry.secret) return '(hidden)';
  if (Array.isArray(entry.value)) return entry.value.join(',');
  const text = typeof entry.value === 'object' ? JSON.stringify(entry.value) : String(entry.value);
  return text.replace(/(\/\/[^:@/]*):[^@/]*@/, '$1:(hidden)@');
}

/** Faults as lines for a terminal, one block each. */
export function printFaults(faults: readonly ConfigFault[]): string {
  const blocks = faults.map(({ detail, source, fix }) => `  ${detail}\n    from  ${source}\n    fix   ${fix}`);
  const title =
    faults.length === 1 ? 'The configuration has a fault:' : `The configuration has ${faults.length} faults:`;
  return `${title}\n${blocks.join('\n')}`;
}

/** Markdown tables of every setting, a section each. */
export function printSettingsReference(specs: readonly ConfigSpec[]): string {
  const sections = new Map<string, string[]>();
  for (const { key, flag, env, fallbackEnv, setting } of nameSettings(specs)) {
    const section = key.split('.')[0] as string;
    const derived = env.filter((name) => !name.startsWith('APP_') || section === 'app');
    const names = [...derived, ...fallbackEnv].map((name) => `\`${name}\``).join(', ');
    const standard = setting.default === undefined ? '' : `\`${String(setting.default)}\``;
    const secret = setting.secret === true ? ` Secret: also from the file that \`${env[0]}_FILE\` points to.` : '';
    const cells = [`\`${key}\``, `\`--${flag}\``, names, standard, `${setting.summary}${secret}`];
    const rows = sections.get(section) ?? [];
    rows.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
    sections.set(section, rows);
  }
  return [...sections]
    .map(([section, rows]) =>
      [`## ${section}`, '', '| File | Flag | Environment | Default | What it does |', '| --- | --- | --- | --- | --- |']
        .concat(rows)
        .join('\n'),
    )
    .join('\n\n');
}
