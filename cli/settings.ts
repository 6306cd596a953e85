// Loads the configuration as `start` would: the platform's settings and those of every service, with the flags that
// were given. Any setting is a flag: `--http-port 9000`, `--rate-limit-rps=50`.
import type { PlatformConfig } from '@tradepost/platform/config';
import type { ServiceDefinition } from '@tradepost/platform/service';
import type { Command } from 'commander';
import { globalOptions } from './command-options.ts';
import { usageFailure } from './failure.ts';

export type SettingFlags = Readonly<Record<string, unknown>>;

export interface SplitArguments {
  readonly words: readonly string[];
  readonly flags: Record<string, unknown>;
}

/** Tells words from settings among what commander did not know. A setting without a value is switched on. */
export function splitArguments(args: readonly string[]): SplitArguments {
  const words: string[] = [];
  const flags: Record<string, unknown> = {};
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] as string;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    const next = args[index + 1];
    if (match === null) words.push(word);
    else if (match[2] !== undefined) flags[match[1] as string] = match[2];
    else if (next !== undefined && !next.startsWith('--')) {
      flags[match[1] as string] = next;
      index += 1;
    } else flags[match[1] as string] = 'true';
  }
  const short = words.find((word) => word.startsWith('-') && word !== '-');
  if (short !== undefined) throw usageFailure(`there is no option ${short}`);
  return { words, flags };
}

export interface Settings {
  readonly config: PlatformConfig;
  /** All services, in the order in which they start. */
  readonly services: readonly ServiceDefinition[];
}

/** @throws ConfigError with every fault. */
export async function loadSettings(command: Command, flags: SettingFlags = {}): Promise<Settings> {
  const [{ loadPlatformConfig }, { topology }] = await Promise.all([
    import('@tradepost/platform/config'),
    import('@tradepost/deploy'),
  ]);
  const services = topology.map(({ service }) => service);
  const { data, apiKey, config: file = process.env.TRADEPOST_CONFIG } = globalOptions(command);
  const config = loadPlatformConfig({
    specs: services.map((service) => service.config),
    services: services.map(({ name }) => name),
    flags: {
      ...(data === undefined ? {} : { 'data.directory': data }),
      ...(apiKey === undefined ? {} : { 'access.api_key': apiKey }),
      ...flags,
    },
    ...(file === undefined ? {} : { file }),
  });
  return { config, services };
}

/** @throws Failure that names what there is. */
export function chooseServices(
  services: readonly ServiceDefinition[],
  names: readonly string[],
): readonly ServiceDefinition[] {
  const unknown = names.find((name) => !services.some((service) => service.name === name));
  if (unknown !== undefined) {
    throw usageFailure(`there is no service ${unknown}`, `one of ${services.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? services : services.filter(({ name }) => names.includes(name));
}
