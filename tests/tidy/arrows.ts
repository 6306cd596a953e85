// Who may import whom. Each area names what it may see; everything else is refused, with the reason.
import { type Import, importsOf } from './imports.ts';
import { type Fault, isCode, isTest, type Rule, type SourceFile } from './repository.ts';

interface Arrow {
  /** Files it holds for. */
  readonly from: RegExp;
  /** Paths and packages that these may import; builtins and third-party packages are judged by other rules. */
  readonly may: readonly RegExp[];
  readonly because: string;
}

const SHARED_LANGUAGE =
  /^@tradepost\/contracts\/(declare-event|docs|options|operations|http|http-rule|grpc-[a-z0-9-]+)$/;

// The first that fits decides.
const ARROWS: readonly Arrow[] = [
  { from: /^contracts\//, may: [/^contracts\//], because: 'contracts depend on nothing of ours' },
  {
    from: /^platform\/(testing\/|.*(\.test\.ts$|\/((test|probe)-[a-z-]+|[a-z-]+-suite)\.ts$))/,
    may: [/^platform\//, /^@tradepost\/contracts\//],
    because: 'tests of the platform see the platform and the contracts',
  },
  {
    from: /^platform\//,
    may: [/^platform\//, SHARED_LANGUAGE],
    because: 'the platform knows no business word: of the contracts it sees the shared language alone',
  },
  {
    from: /^services\/[^/]+\/domain\/(?!.*\.test\.ts$)/,
    may: [/^services\/[^/]+\/domain\//, /^@tradepost\/platform\/errors$/],
    because: 'the domain is pure: it sees itself, and the form of a refusal',
  },
  {
    from: /^services\/[^/]+\/store\/(?!.*\.test\.ts$)/,
    may: [/^services\/[^/]+\/(domain|store)\//, /^@tradepost\/platform\/(db|errors|paging)$/],
    because: 'a store sees the domain, the database and its pages',
  },
  {
    from: /^services\/[^/]+\/features\/(?!.*\.test\.ts$)/,
    may: [/^services\/[^/]+\/(domain|store|features|providers|config\.ts$)/, /^@tradepost\/(platform|contracts)\//],
    because: 'a feature sees domain, store, providers, contracts and platform',
  },
  {
    from: /^services\/[^/]+\/providers\/(?!.*\.test\.ts$)/,
    may: [/^services\/[^/]+\/(domain|providers|config\.ts$)/, /^@tradepost\/platform\//],
    because: 'a provider sees the domain and the platform',
  },
  {
    from: /^services\//,
    may: [/^services\//, /^@tradepost\/(platform|contracts)\//],
    because: 'a service sees contracts and platform',
  },
  { from: /^console\//, may: [/^console\//, /^@tradepost\/contracts\//], because: 'the console speaks contracts' },
  {
    from: /^deploy\//,
    may: [/^deploy\//, /^services\/[^/]+\/service\.ts$/, /^@tradepost\/(platform|contracts)\//],
    because: 'the topology names the services and nothing inside them',
  },
  {
    from: /^(cli|tools|tests|bench)\//,
    may: [/^(cli|tools|tests|bench|deploy)\//, /^@tradepost\/(platform|contracts|deploy)(\/|$)/],
    because: 'what stands around the services starts them through deploy and speaks contracts',
  },
];

const isThirdParty = (specifier: string): boolean => !specifier.startsWith('.') && !specifier.startsWith('@tradepost/');

function refuse(file: SourceFile, imported: Import): string | undefined {
  if (isThirdParty(imported.specifier)) return undefined;
  const target = imported.path ?? imported.specifier;
  const arrow = ARROWS.find(({ from }) => from.test(file.path));
  if (arrow && !arrow.may.some((pattern) => pattern.test(target))) return arrow.because;
  if (imported.path === undefined) return undefined;
  const service = /^services\/[^/]+\//.exec(file.path)?.[0];
  if (service && !imported.path.startsWith(service) && !isNeighbourOfTest(file.path, imported.path))
    return 'services meet only in messages';
  return refusePrivate(file.path, imported);
}

/** A service's test may host its neighbours, so that there is somebody to ask. */
const isNeighbourOfTest = (from: string, to: string): boolean =>
  from.endsWith('.int.test.ts') && /^services\/[^/]+\/service\.ts$/.test(to);

/** Between parts of the platform the door is `index.ts`; a type may be named where it lives, which makes no cycle. */
function refusePrivate(from: string, imported: Import): string | undefined {
  const here = /^platform\/[^/]+\//.exec(from)?.[0];
  const path = imported.path as string;
  if (here === undefined || path.startsWith(here) || imported.typeOnly) return undefined;
  if (isTest(from) || here === 'platform/testing/') return undefined;
  return path.endsWith('/index.ts') ? undefined : 'a part of the platform is entered by its index.ts';
}

function refuseOutside(file: SourceFile, imported: Import): string | undefined {
  if (!file.path.startsWith('contracts/') || !isThirdParty(imported.specifier)) return undefined;
  return imported.specifier.startsWith('@bufbuild/protobuf') ? undefined : 'contracts need protobuf and nothing else';
}

export const arrows: Rule = {
  name: 'imports follow the arrows',
  check: ({ files }): Fault[] =>
    files
      .filter(({ path }) => isCode(path))
      .flatMap((file) =>
        importsOf(file).flatMap((imported) => {
          const because = refuse(file, imported) ?? refuseOutside(file, imported);
          const says = `imports ${imported.specifier}, but ${because}`;
          return because === undefined ? [] : [{ path: file.path, line: imported.line, says }];
        }),
      ),
};
