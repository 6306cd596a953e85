// Reads a configuration file (YAML, so JSON too): its values by key with their line, and what in it is unknown.
import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { type ConfigFault, nearestName } from './faults.ts';
import type { NamedSetting } from './spec.ts';

export interface FileValue {
  readonly value: unknown;
  /** `tradepost.yaml:3` */
  readonly source: string;
}

export interface FileValues {
  readonly values: ReadonlyMap<string, FileValue>;
  readonly faults: readonly ConfigFault[];
}

/** @param path as the user gave it: sources show it. Secrets may also be given as `<key>_file`. */
export function readConfigFile(path: string, settings: readonly NamedSetting[]): FileValues {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    const detail = `The file cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`;
    return { values: new Map(), faults: [{ source: path, detail, fix: `--config path/to/tradepost.yaml` }] };
  }
  return parseConfigText(source, path, settings);
}

export function parseConfigText(source: string, path: string, settings: readonly NamedSetting[]): FileValues {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`;
  const faults: ConfigFault[] = document.errors.map((error) => ({
    source: at(error.pos[0]),
    detail: `The file is not valid YAML: ${error.message}`,
    fix: 'write one `section:` a line with its `name: value` lines indented by two spaces',
  }));
  const values = new Map<string, FileValue>();
  if (faults.length > 0 || document.contents === null) return { values, faults };
  if (!isMap(document.contents)) {
    faults.push({ source: at(0), detail: 'The file must consist of sections', fix: 'http: { port: 8080 }' });
    return { values, faults };
  }
  const known = new Set(
    settings.flatMap(({ key, setting }) => (setting.secret === true ? [key, `${key}_file`] : [key])),
  );
  const sections = [...new Set(settings.map(({ key }) => key.split('.')[0] as string))];
  for (const section of document.contents.items) {
    const name = String(isScalar(section.key) ? section.key.value : section.key);
    const where = at(isScalar(section.key) ? section.key.range?.[0] : undefined);
    if (!sections.includes(name)) {
      faults.push(unknownKey(name, sections, where));
    } else if (isMap(section.value)) {
      for (const pair of section.value.items) {
        const key = `${name}.${isScalar(pair.key) ? pair.key.value : pair.key}`;
        const line = at(isScalar(pair.key) ? pair.key.range?.[0] : undefined);
        if (!known.has(key)) faults.push(unknownKey(key, [...known], line));
        else if (pair.value !== null) values.set(key, { value: document.getIn(key.split('.')), source: line });
      }
    } else if (!(section.value === null || (isScalar(section.value) && section.value.value === null))) {
      const detail = `${name} is a section and takes no value of its own`;
      faults.push({ key: name, source: where, detail, fix: `${name}: { … }` });
    }
  }
  return { values: plain(values), faults };
}

/** Lists and maps come out of the document as nodes. */
function plain(values: Map<string, FileValue>): Map<string, FileValue> {
  for (const [key, { value, source }] of values) {
    if (typeof value === 'object' && value !== null && 'toJSON' in value) {
      values.set(key, { value: (value as { toJSON(): unknown }).toJSON(), source });
    } else if (value === null || value === undefined) values.delete(key);
  }
  return values;
}

function unknownKey(key: string, candidates: readonly string[], source: string): ConfigFault {
  const nearest = nearestName(key, candidates);
  const fix = nearest === undefined ? `remove it; 'tradepost config print' lists the keys` : `write ${nearest}`;
  return { key, source, detail: `There is no setting ${key}`, fix };
}
