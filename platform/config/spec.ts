// How a setting is declared: name, type, default, reason. The key in a file is `<section>.<name>`, in snake_case; the
// environment variable is the same in upper case with `_`, unless named; flags are the key with dashes.
import type { z } from 'zod';

export interface Setting<T = unknown> {
  /** Takes the text of an environment variable as well as a file's value: use `z.coerce` or a preprocess. */
  readonly type: z.ZodType<T>;
  /** Absent: the setting is required, or the type is optional. */
  readonly default?: T;
  /** One sentence: what it does, its unit, why the default is what it is. */
  readonly summary: string;
  /** Environment variables, the first is ours, the others are accepted as they are. */
  readonly env?: readonly string[];
  /** Never shown, and may come from the file that `<NAME>_FILE` points to. */
  readonly secret?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: each setting has a type of its own.
export type Settings = Readonly<Record<string, Setting<any>>>;

export interface ConfigSpec<Config = unknown> {
  /** Section in the file, and prefix of the environment variables: `delivery`. */
  readonly section: string;
  readonly settings: Settings;
  // Never read: it carries the type.
  readonly config?: Config;
}

export type ConfigOf<S extends Settings> = { readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never };

export function defineConfig<const S extends Settings>(section: string, settings: S): ConfigSpec<ConfigOf<S>> {
  return { section, settings };
}
