// Environment, clock, randomness and network appear only in the platform, so that a test can move time and a reader
// can trust a service's code to do what its arguments say. The command line, tools and tests are outside.
import { importsOf } from './imports.ts';
import { type Fault, findAll, isCode, isTest, type Rule } from './repository.ts';
import { wallClockReaders } from './reviewed.ts';

interface Capability {
  readonly pattern: RegExp;
  readonly instead: string;
}

const CLOCK: Capability[] = [
  { pattern: /\bDate\.now\b/g, instead: 'tx.now or context.clock.now()' },
  { pattern: /\bnew Date\(\s*\)/g, instead: 'tx.now or context.clock.now()' },
];
const IN_SERVICES: Capability[] = [
  ...CLOCK,
  { pattern: /\bprocess\.env\b/g, instead: 'a setting in config.ts' },
  { pattern: /\bperformance\.now\b/g, instead: 'context.clock.monotonicMs()' },
  { pattern: /(?<![.\w])set(Timeout|Interval|Immediate)\s*\(/g, instead: 'context.clock.sleep() or a job' },
  { pattern: /\bMath\.random\b/g, instead: 'platform/time or the database' },
  { pattern: /\b(randomUUID|randomBytes|randomInt|getRandomValues|randomFillSync)\b/g, instead: 'platform/time' },
  { pattern: /(?<![.\w])fetch\s*\(/g, instead: 'context.client() or an effect' },
];
const NETWORK = /^(node:)?(net|tls|http|https|http2|dgram|dns|cluster|child_process|worker_threads)(\/|$)/;

export const capabilities: Rule = {
  name: 'environment, clock, randomness and network appear only in the platform',
  check: ({ files }): Fault[] => {
    const code = files.filter(({ path }) => isCode(path) && !isTest(path));
    const outside = code.filter(({ path }) => /^(services|contracts|deploy|console)\//.test(path));
    const reviewed = new Set(wallClockReaders.map(({ path }) => path));
    const platform = code.filter(
      ({ path }) => /^platform\/(?!time\/|testing\/|telemetry\/)/.test(path) && !reviewed.has(path),
    );
    const search = (where: typeof code, { pattern, instead }: Capability): Fault[] =>
      findAll(where, pattern, ([found]) => `${found} belongs to the platform: use ${instead}`);
    const network = outside.flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => NETWORK.test(specifier))
        .map(({ specifier, line }) => ({ path: file.path, line, says: `${specifier} belongs to the platform` })),
    );
    return [
      ...IN_SERVICES.flatMap((capability) => search(outside, capability)),
      ...CLOCK.flatMap((capability) => search(platform, { ...capability, instead: 'a Clock of platform/time' })),
      ...network,
    ];
  },
};
