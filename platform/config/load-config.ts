// Resolves every setting by precedence (flag, environment, file, default), checks all of them, and either answers with
// the whole configuration or throws every fault at once.
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigFault, nearestName } from './faults.ts';
import { type FileValues, readConfigFile } from './read-file.ts';
import { type ConfigSpec, type NamedSetting, nameSettings } from './spec.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadConfigOptions {
  readonly specs: readonly ConfigSpec[];
  /** By key (`http.port`) or flag (`http-port`). */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Default: the process's environment. */
  readonly env?: Environment;
  /** Path of the configuration file. */
  readonly file?: string;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  /** `flag --http-port`, `HTTP_PORT`, `tradepost.yaml:3`, or `default`. */
  readonly source: string;
  readonly secret: boolean;
  readonly summary: string;
}

export interface LoadedConfig {
  /** The values of one spec. */
  of<Config>(spec: ConfigSpec<Config>): Config;
  /** Every setting, in the order of the specs. */
  readonly entries: readonly ConfigEntry[];
  /** Whether someone set it: a busy port that was set by hand is never moved. */
  isSet(key: string): boolean;
  /** @returns `HTTP_PORT`, `tradepost.yaml:3`, …; `default` when nobody set it. */
  sourceOf(key: string): string;
}

interface Found {
  readonly value: unknown;
  readonly source: string;
}

/** @throws ConfigError with every fault. */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const { loaded, faults } = resolveConfig(options);
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

/** For who checks further before all faults are told. A faulty setting has no value, whatever its type says. */
export function resolveConfig(options: LoadConfigOptions): { loaded: LoadedConfig; faults: ConfigFault[] } {
  const settings = nameSettings(options.specs);
  const env = options.env ?? process.env;
  const file = options.file === undefined ? undefined : readConfigFile(options.file, settings);
  const faults: ConfigFault[] = [...(file?.faults ?? [])];
  const flags = readFlags(options.flags ?? {}, settings, faults);
  const bySpec = new Map<ConfigSpec, Record<string, unknown>>(options.specs.map((spec) => [spec, {}]));
  const entries: ConfigEntry[] = [];
  for (const named of settings) {
    const fromEnv = flags.get(named.key) ?? findInEnvironment(named, env, faults);
    const found = fromEnv ?? findInFile(named, file, faults);
    const value = checkValue(named, found, faults);
    (bySpec.get(named.spec) as Record<string, unknown>)[named.name] = value;
    entries.push({
      key: named.key,
      value,
      source: found?.source ?? 'default',
      secret: named.setting.secret === true,
      summary: named.setting.summary,
    });
  }
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const loaded: LoadedConfig = {
    of<Config>(spec: ConfigSpec<Config>): Config {
      const values = bySpec.get(spec);
      if (values === undefined) throw new Error(`the section ${spec.section} was not loaded`);
      return values as Config;
    },
    entries,
    isSet: (key) => (byKey.get(key)?.source ?? 'default') !== 'default',
    sourceOf: (key) => byKey.get(key)?.source ?? 'default',
  };
  return { loaded, faults };
}

function readFlags(
  flags: Readonly<Record<string, unknown>>,
  settings: readonly NamedSetting[],
  faults: ConfigFault[],
): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const named = settings.find(({ key, flag }) => key === name || flag === name);
    if (named !== undefined) {
      found.set(named.key, { value, source: `flag --${named.flag}` });
      continue;
    }
    const nearest = nearestName(name, [...settings.map(({ flag }) => flag), ...settings.map(({ key }) => key)]);
    const fix = nearest === undefined ? `'tradepost config print' lists the settings` : `write ${nearest}`;
    faults.push({ key: name, source: `flag --${name}`, detail: `There is no setting ${name}`, fix });
  }
  return found;
}

function findInEnvironment(named: NamedSetting, env: Environment, faults: ConfigFault[]): Found | undefined {
  return findAmong(named, named.env, env, faults) ?? findAmong(named, named.fallbackEnv, env, faults);
}

/** One level of names: those that are set must agree. An empty variable counts as unset, as compose files write it. */
function findAmong(
  named: NamedSetting,
  names: readonly string[],
  env: Environment,
  faults: ConfigFault[],
): Found | undefined {
  const found: Found[] = [];
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value.trim() !== '') found.push({ value: value.trim(), source: name });
    const path = named.setting.secret === true ? env[`${name}_FILE`] : undefined;
    if (path !== undefined && path !== '') {
      const secret = readSecret(named, path, `${name}_FILE`, faults);
      if (secret !== undefined) found.push(secret);
    }
  }
  const other = found.find(({ value }) => value !== found[0]?.value);
  if (other !== undefined) {
    const [kept, dropped] = [found[0]?.source as string, other.source];
    faults.push({
      key: named.key,
      source: `environment variables ${kept} and ${dropped}`,
      detail: `${kept} and ${dropped} both set ${named.key} and differ`,
      fix: `unset ${dropped}`,
    });
  }
  return found[0];
}

function readSecret(named: NamedSetting, path: string, source: string, faults: ConfigFault[]): Found | undefined {
  try {
    return { value: readFileSync(path, 'utf8').trim(), source };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    const detail = `${named.key}: the file ${path} cannot be read (${code})`;
    faults.push({ key: named.key, source, detail, fix: `${source}=/path/to/a/readable/file` });
    return undefined;
  }
}

function findInFile(named: NamedSetting, file: FileValues | undefined, faults: ConfigFault[]): Found | undefined {
  const direct = file?.values.get(named.key);
  const pointer = file?.values.get(`${named.key}_file`);
  if (direct !== undefined && pointer !== undefined) {
    const detail = `${named.key} and ${named.key}_file are both given`;
    faults.push({ key: named.key, source: pointer.source, detail, fix: `remove ${named.key}` });
  }
  if (direct !== undefined || pointer === undefined) return direct;
  return readSecret(named, String(pointer.value), pointer.source, faults);
}

function checkValue(named: NamedSetting, found: Found | undefined, faults: ConfigFault[]): unknown {
  const { setting, key } = named;
  if (found === undefined && 'default' in setting) return setting.default;
  const parsed = setting.type.safeParse(found?.value);
  if (parsed.success) return parsed.data;
  const reason = found === undefined ? 'is required' : parsed.error.issues.map((issue) => issue.message).join(', ');
  const shown = found === undefined || setting.secret === true ? '' : `, not ${JSON.stringify(found.value)}`;
  faults.push({
    key,
    source: describeSource(named, found),
    detail: `${key} ${reason}${shown}`,
    fix: lineToPaste(named, found),
  });
  return undefined;
}

function describeSource(named: NamedSetting, found: Found | undefined): string {
  if (found === undefined) return 'set nowhere';
  return [...named.env, ...named.fallbackEnv].some((name) => found.source === name || found.source === `${name}_FILE`)
    ? `environment variable ${found.source}`
    : found.source;
}

/** A correct line for the place that the faulty value came from. */
function lineToPaste(named: NamedSetting, found: Found | undefined): string {
  const value = String(named.setting.example ?? named.setting.default ?? '…');
  if (found?.source.startsWith('flag ')) return `--${named.flag} ${value}`;
  if (found !== undefined && /:\d+$/.test(found.source)) {
    const [section, name] = named.key.split('.');
    return `${section}: { ${name}: ${value} }`;
  }
  const variable = found?.source ?? (named.env[0] as string);
  return `${variable}=${variable.endsWith('_FILE') ? '/path/to/file' : value}`;
}
