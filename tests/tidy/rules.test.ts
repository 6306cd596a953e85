import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrows } from './arrows.ts';
import { capabilities } from './capabilities.ts';
import { commands } from './commands.ts';
import { foreignWords } from './foreign-words.ts';
import { generatedDocsFrom } from './generated-docs.ts';
import { links } from './links.ts';
import { markers } from './markers.ts';
import { checksumOf, migrations } from './migrations.ts';
import { openingNotes } from './opening-notes.ts';
import { refusalCodes } from './refusal-codes.ts';
import { type Rule, repositoryOf } from './repository.ts';
import { rules } from './rules.ts';
import { sealed } from './sealed.ts';
import { services } from './services.ts';
import { sizes, sizesWith } from './sizes.ts';
import { words } from './words.ts';

/** What the rule says about these files: `path:line` of every fault. */
async function placesFound(rule: Rule, files: Record<string, string>): Promise<string[]> {
  const faults = await rule.check(repositoryOf(files));
  return faults.map(({ path, line }) => (line === undefined ? path : `${path}:${line}`));
}

test('every import against an arrow is refused, and every other one passes', async () => {
  const refused: [from: string, specifier: string][] = [
    ['contracts/declare-event.ts', '../platform/errors/index.ts'],
    ['contracts/declare-event.ts', 'zod'],
    ['platform/http/a.ts', '@tradepost/contracts/user'],
    ['platform/http/a.ts', '@tradepost/contracts/events'],
    ['platform/http/a.ts', '../rpc/client.ts'],
    ['platform/http/a.ts', '../../services/user/service.ts'],
    ['services/user/features/a.ts', '../../score/domain/score.ts'],
    ['services/user/features/a.ts', '../service.ts'],
    ['services/user/features/a.ts', '../../score/service.ts'],
    ['services/user/features/a.int.test.ts', '../../score/domain/score.ts'],
    ['services/user/features/a.ts', '@tradepost/deploy'],
    ['services/user/domain/a.ts', '../store/users.ts'],
    ['services/user/domain/a.ts', '@tradepost/platform/db'],
    ['services/user/store/a.ts', '../features/b.ts'],
    ['services/user/store/a.ts', '@tradepost/platform/http'],
    ['services/user/providers/a.ts', '../store/users.ts'],
    ['deploy/topology.ts', '../services/user/domain/user.ts'],
    ['cli/main.ts', '../services/user/service.ts'],
    ['console/a.ts', '@tradepost/platform/http'],
  ];
  const passing: [from: string, specifier: string][] = [
    ['contracts/declare-event.ts', '@bufbuild/protobuf'],
    ['platform/http/a.ts', '@tradepost/contracts/options'],
    ['platform/http/a.ts', '../rpc/index.ts'],
    ['platform/http/a.test.ts', '@tradepost/contracts/user'],
    ['platform/events/log/a.ts', '../consume/b.ts'],
    ['services/user/features/a.ts', '@tradepost/contracts/user'],
    ['services/user/features/a.int.test.ts', '../../score/service.ts'],
    ['services/user/domain/a.ts', '@tradepost/platform/errors'],
    ['services/user/store/a.ts', '@tradepost/platform/db'],
    ['deploy/topology.ts', '../services/user/service.ts'],
    ['cli/main.ts', '@tradepost/deploy'],
  ];
  for (const [path, specifier] of refused) {
    const found = await placesFound(arrows, { [path]: `import { a } from '${specifier}';\n` });
    assert.deepEqual(found, [`${path}:1`], `${path} → ${specifier}`);
  }
  for (const [path, specifier] of passing) {
    const found = await placesFound(arrows, { [path]: `import { a } from '${specifier}';\n` });
    assert.deepEqual(found, [], `${path} → ${specifier}`);
  }
});

test('an import is seen in every form it can be written in, and not where it is only text', async () => {
  const text = [
    "import '../service.ts';",
    'import type {',
    '  A,',
    "} from '../service.ts';",
    "export * from '../service.ts';",
    "const later = await import('../service.ts');",
    "// import '../service.ts';",
    "const words = `import { a } from '../service.ts';`;",
    "const pattern = /import '..\\/service.ts'/;",
  ].join('\n');
  assert.deepEqual(await placesFound(arrows, { 'services/user/features/a.ts': text }), [
    'services/user/features/a.ts:1',
    'services/user/features/a.ts:4',
    'services/user/features/a.ts:5',
    'services/user/features/a.ts:6',
  ]);
});

test('a service that reads the environment, the clock, chance or the network is refused, a test is not', async () => {
  const text = [
    'const a = process.env.HOME;',
    'const b = Date.now();',
    'const c = new Date();',
    'setTimeout(work, 5);',
    'const d = Math.random();',
    "import { connect } from 'node:net';",
    "await fetch('http://localhost');",
    '// process.env and Date.now() may be spoken of',
    'const e = new Date(row.created_at);',
    "import { createHash } from 'node:crypto';",
  ].join('\n');
  const path = 'services/user/features/a.ts';
  const found = await placesFound(capabilities, { [path]: text });
  assert.deepEqual(found.sort(), [1, 2, 3, 4, 5, 6, 7].map((line) => `${path}:${line}`).sort());
  assert.deepEqual(await placesFound(capabilities, { 'services/user/features/a.test.ts': text }), []);
  assert.deepEqual(await placesFound(capabilities, { 'platform/events/a.ts': text }), [
    'platform/events/a.ts:2',
    'platform/events/a.ts:3',
  ]);
});

test('a service with exports, a public package and a version range are refused', async () => {
  const manifest = { private: true, exports: {}, dependencies: { pg: '8.23.1' } };
  const judge = (changes: object): Promise<string[]> =>
    placesFound(sealed, { 'services/user/package.json': JSON.stringify({ ...manifest, ...changes }) });
  assert.deepEqual(await judge({}), []);
  assert.deepEqual(await judge({ exports: { '.': './service.ts' } }), ['services/user/package.json']);
  assert.deepEqual(await judge({ exports: undefined }), ['services/user/package.json']);
  assert.deepEqual(await judge({ private: false }), ['services/user/package.json']);
  assert.deepEqual(await judge({ dependencies: { pg: '^8.23.1' } }), ['services/user/package.json']);
});

test('long files, functions and lines are refused, and a reviewed one passes until it is short again', async () => {
  const file = (lines: number): string => 'const a = 1;\n'.repeat(lines);
  assert.deepEqual(await placesFound(sizes, { 'platform/a.ts': file(400), 'platform/a.test.ts': file(600) }), []);
  assert.deepEqual(await placesFound(sizes, { 'platform/a.ts': file(401), 'platform/a.test.ts': file(601) }), [
    'platform/a.ts',
    'platform/a.test.ts',
  ]);
  const body = (lines: number): string => '  work();\n'.repeat(lines);
  const long = `export function work(): void {\n${body(89)}}\n`;
  assert.deepEqual(await placesFound(sizes, { 'platform/a.ts': long }), ['platform/a.ts:1']);
  const factory = `export function createWork(): Work {\n  const inner = () => {\n${body(80)}  };\n${body(20)}}\n`;
  assert.deepEqual(await placesFound(sizes, { 'platform/a.ts': factory }), []);
  assert.deepEqual(await placesFound(sizes, { 'platform/a.ts': `// ${'a'.repeat(118)}\n` }), ['platform/a.ts:1']);

  const reviewed = sizesWith([{ path: 'platform/a.ts', function: 'work', reason: 'one table' }]);
  assert.deepEqual(await placesFound(reviewed, { 'platform/a.ts': long }), []);
  assert.deepEqual(await placesFound(reviewed, { 'platform/a.ts': file(3) }), ['platform/a.ts']);
});

test('names that fit anything are refused in paths and in code', async () => {
  for (const path of ['platform/utils/a.ts', 'platform/date-helpers.ts', 'services/user/common.ts', 'cli/lib/a.ts'])
    assert.deepEqual(await placesFound(words, { [path]: '' }), [path]);
  for (const code of ['interface IThing {}', 'class OrderManager {}', 'abstract class BaseStore {}'])
    assert.deepEqual(await placesFound(words, { 'platform/a.ts': code }), ['platform/a.ts:1'], code);
  const fine = 'interface Item {}\ntype Id = bigint;\n// an IThing is not named here\n';
  assert.deepEqual(await placesFound(words, { 'platform/new-service.ts': fine }), []);
});

test('a file without an opening note, or with a long one, is refused', async () => {
  const path = 'platform/http/a.ts';
  assert.deepEqual(await placesFound(openingNotes, { [path]: "import 'a';\n" }), [`${path}:1`]);
  assert.deepEqual(await placesFound(openingNotes, { [path]: '// A line.\n'.repeat(6) }), [`${path}:1`]);
  assert.deepEqual(await placesFound(openingNotes, { [path]: '// Owns a.\nconst a = 1;\n' }), []);
  assert.deepEqual(await placesFound(openingNotes, { 'platform/http/index.ts': "export * from './a.ts';\n" }), []);
});

test('dead links, anchors and named paths are refused', async () => {
  const page = (text: string): Promise<string[]> =>
    placesFound(links, { 'docs/a.md': text, 'docs/b.md': '# One `two`, three\n', 'platform/db/index.ts': '' });
  assert.deepEqual(await page('[b](b.md) [b](b.md#one-two-three) [up](../platform/db/) [web](https://x.test/y)'), []);
  assert.deepEqual(await page('`platform/db/index.ts` `services/NAME/service.ts`\n```\n[no](gone.md)\n```\n'), []);
  assert.deepEqual(await page('a\n[c](c.md)'), ['docs/a.md:2']);
  assert.deepEqual(await page('[b](b.md#four)'), ['docs/a.md:1']);
  assert.deepEqual(await page('[here](#nowhere)'), ['docs/a.md:1']);
  assert.deepEqual(await page('`platform/gone/`'), ['docs/a.md:1']);
});

test('a document that names a command or a script which does not exist is refused', async () => {
  const page = (text: string): Promise<string[]> =>
    placesFound(commands, {
      'docs/a.md': text,
      'cli/verbs.ts': "[{ name: 'mail', summary: 'the mailbox' }]",
      'package.json': '{"scripts":{"check":"tsc"}}',
    });
  assert.deepEqual(await page('`tradepost mail ls`, `npx tradepost mail`, `npm run check`, Tradepost sends mail'), []);
  assert.deepEqual(await page('`npx tradepost post ls`'), ['docs/a.md:1']);
  assert.deepEqual(await page('```sh\ntradepost post ls\n```'), ['docs/a.md:2']);
  assert.deepEqual(await page('`npm run checks`'), ['docs/a.md:1']);
});

test('a generated page that lacks a line, or has one too many, is refused', async () => {
  const rule = generatedDocsFrom(async () => new Map([['docs/errors.md', '# Errors\n| a |\n| b |\n']]));
  assert.deepEqual(await placesFound(rule, { 'docs/errors.md': '# Errors\n| a |\n| b |\n' }), []);
  assert.deepEqual(await placesFound(rule, { 'docs/errors.md': '# Errors\n| a |\n' }), ['docs/errors.md']);
  assert.deepEqual(await placesFound(rule, { 'docs/errors.md': '# Errors\n| a |\n| b |\n| c |\n' }), [
    'docs/errors.md',
  ]);
  assert.deepEqual(await placesFound(rule, {}), ['docs/errors.md']);
});

test('a refusal made by hand is refused, one that came over the wire passes', async () => {
  const path = 'services/user/features/a.ts';
  const made = "throw new Refusal('gone', 'NOT_FOUND', 'Gone', 'It is gone');\n";
  assert.deepEqual(await placesFound(refusalCodes, { [path]: made }), [`${path}:1`]);
  const received = 'throw new Refusal(code, status, title, detail);\n';
  assert.deepEqual(await placesFound(refusalCodes, { [path]: received }), []);
});

test('a landed migration that changed or went, and one that nobody froze, are refused', async () => {
  const path = 'services/user/migrations/0001-users.sql';
  const text = '-- People need a place.\n-- up\ncreate table users ();\n-- down\ndrop table users;\n';
  const list = (entries: object): Record<string, string> => ({ 'tests/tidy/migrations.json': JSON.stringify(entries) });
  const frozen = list({ [path]: checksumOf(text) });
  assert.deepEqual(await placesFound(migrations, { ...frozen, [path]: text }), []);
  assert.deepEqual(await placesFound(migrations, { ...frozen, [path]: `${text}\n` }), [path]);
  assert.deepEqual(await placesFound(migrations, frozen), [path]);
  assert.deepEqual(await placesFound(migrations, { ...list({}), [path]: text }), [path]);
  const noReason = text.slice(text.indexOf('\n') + 1);
  const found = await placesFound(migrations, { ...list({ [path]: checksumOf(noReason) }), [path]: noReason });
  assert.deepEqual(found, [`${path}:1`]);
});

test('a service that lacks a file, or has SQL outside its store, is refused', async () => {
  const whole = Object.fromEntries(
    ['README.md', 'service.ts', 'config.ts', 'package.json'].map((name) => [`services/user/${name}`, '']),
  );
  assert.deepEqual(await placesFound(services, whole), []);
  const { 'services/user/README.md': _readme, ...lacking } = whole;
  assert.deepEqual(await placesFound(services, lacking), ['services/user/README.md']);
  const sql = 'await tx.query(`select 1`);\n';
  assert.deepEqual(await placesFound(services, { ...whole, 'services/user/features/a.ts': sql }), [
    'services/user/features/a.ts:1',
  ]);
  assert.deepEqual(await placesFound(services, { ...whole, 'services/user/store/users.ts': sql }), []);
});

test('markers of unfinished work, skipped and focused tests and empty files are refused', async () => {
  for (const word of ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'])
    assert.deepEqual(await placesFound(markers, { 'docs/a.md': `a\n${word}: later\n` }), ['docs/a.md:2']);
  const path = 'platform/a.test.ts';
  for (const form of ['skip', 'only', 'todo']) {
    assert.deepEqual(await placesFound(markers, { [path]: `test.${form}('a', () => {});\n` }), [`${path}:1`]);
    assert.deepEqual(await placesFound(markers, { [path]: `test('a', { ${form}: true }, () => {});\n` }), [
      `${path}:1`,
    ]);
  }
  assert.deepEqual(await placesFound(markers, { 'platform/a.ts': '\n' }), ['platform/a.ts']);
});

test('paths of a machine and hosts of packages are refused', async () => {
  for (const words of ['/ho' + 'me/ada/tradepost', 'https://registry.npm' + 'js.org/zod'])
    assert.deepEqual(await placesFound(foreignWords, { 'docs/a.md': words }), ['docs/a.md:1']);
  assert.deepEqual(await placesFound(foreignWords, { 'docs/a.md': 'see /var/lib/tradepost and /home' }), []);
});

test('every rule has a test above that breaks it', () => {
  const tried = [
    arrows,
    capabilities,
    commands,
    sealed,
    sizes,
    words,
    openingNotes,
    links,
    refusalCodes,
    migrations,
    services,
  ];
  const names = [...tried, markers, foreignWords, generatedDocsFrom(async () => new Map())].map(({ name }) => name);
  assert.deepEqual(rules.map(({ name }) => name).sort(), names.sort());
});
