// How a setting is declared: name, type, default, reason. The key in a file is `<section>.<name>`, in snake_case; the
// environment variable is the same in upper case with `_`, unless named; flags are the key with dashes.
import type { z } from 'zod';

export interface Setting<T = unknown> {
  /** Takes the text of an environment variable as well as a file's value: see `setting-types.ts`, or `z.coerce`. */
  readonly type: z.ZodType<T>;
  /** Absent: the setting is required, or the type is optional. */
  readonly default?: T;
  /** One sentence: what it does, its unit, why the default is what it is. */
  readonly summary: string;
  /** Environment variables, the first is ours, the others are accepted as they are. Two that differ are refused. */
  readonly env?: readonly string[];
  /** Less specific variables: read only when none of `env` is set. */
  readonly fallbackEnv?: readonly string[];
  /** Never shown, and may come from the file that `<NAME>_FILE` points to. */
  readonly secret?: boolean;
  /** What a line to paste shows where there is no default: `smtp://localhost:1025`. */
  readonly example?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: each setting has a type of its own.
export type Settings = Readonly<Record<string, Setting<any>>>;

export interface ConfigSpec<Config = unknown> {
  /** Section in the file, and prefix of the environment variables: `delivery`. Several specs may share one. */
  readonly section: string;
  readonly settings: Settings;
  // Never read: it carries the type.
  readonly config?: Config;
}

export type ConfigOf<S extends Settings> = { readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never };

export function defineConfig<const S extends Settings>(section: string, settings: S): ConfigSpec<ConfigOf<S>> {
  return { section, settings };
}

/** A setting with every name it goes by. */
export interface NamedSetting {
  readonly spec: ConfigSpec;
  readonly name: string;
  readonly setting: Setting;
  /** In the file: `http.port`. */
  readonly key: string;
  /** On the command line, without dashes: `http-port`. */
  readonly flag: string;
  /** Ours first. */
  readonly env: readonly string[];
  readonly fallbackEnv: readonly string[];
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_');
}

/** @returns every setting of the specs, in their order. Throws when two specs claim one key: that is a bug. */
export function nameSettings(specs: readonly ConfigSpec[]): NamedSetting[] {
  const named = specs.flatMap((spec) =>
    Object.entries(spec.settings).map(([name, setting]): NamedSetting => {
      const key = `${snakeCase(spec.section)}.${snakeCase(name)}`;
      const derived = key.replaceAll('.', '_').toUpperCase();
      const env = [...new Set([...(setting.env ?? []), derived, `APP_${derived}`])];
      const flag = key.replaceAll(/[._]/g, '-');
      return { spec, name, setting, key, flag, env, fallbackEnv: setting.fallbackEnv ?? [] };
    }),
  );
  const seen = new Set<string>();
  for (const { key } of named) {
    if (seen.has(key)) throw new Error(`two specs declare the setting ${key}`);
    seen.add(key);
  }
  return named;
}
