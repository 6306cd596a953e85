import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError, type ConfigFault } from './faults.ts';
import { type LoadConfigOptions, loadConfig } from './load-config.ts';
import { onOff, optionalText, port, text, textList, wholeNumber } from './setting-types.ts';
import { defineConfig } from './spec.ts';

const directory = mkdtempSync(join(tmpdir(), 'config-'));
after(() => rmSync(directory, { recursive: true }));

const web = defineConfig('web', {
  port: { type: port, default: 8080, summary: 'Port.', env: ['WEB_PORT', 'EDGE_PORT'], fallbackEnv: ['PORT'] },
  maxBodyKib: { type: wholeNumber(1, 1024), default: 64, summary: 'Largest body, in KiB.' },
  verbose: { type: onOff, default: false, summary: 'More words.' },
  origins: { type: textList, default: [], summary: 'Origins.' },
});
const mail = defineConfig('mail', {
  password: { type: optionalText, summary: 'Password.', secret: true, example: 'hunter2' },
  sender: { type: text, summary: 'Sender.', example: 'shop@example.com' },
});

function file(text: string): string {
  const path = join(directory, 'tradepost.yaml');
  writeFileSync(path, text);
  return path;
}

function faultsOf(options: Partial<LoadConfigOptions>): readonly ConfigFault[] {
  try {
    loadConfig({ specs: [web], env: {}, ...options });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
  return assert.fail('the configuration was accepted');
}

test('a flag wins over the environment, which wins over the file, which wins over the default', () => {
  const path = file('web:\n  port: 3\n  max_body_kib: 3\n  verbose: yes\n');
  const config = loadConfig({
    specs: [web],
    flags: { 'web-port': '1' },
    env: { WEB_PORT: '2', WEB_MAX_BODY_KIB: '2' },
    file: path,
  });
  assert.deepEqual(config.of(web), { port: 1, maxBodyKib: 2, verbose: true, origins: [] });
  assert.deepEqual(
    config.entries.map(({ source }) => source),
    ['flag --web-port', 'WEB_MAX_BODY_KIB', `${path}:4`, 'default'],
  );
  assert.deepEqual([config.isSet('web.port'), config.isSet('web.origins')], [true, false]);
});

test('aliases, the derived name and APP_ names are read, and a less specific name only when none of them is set', () => {
  const portOf = (env: Record<string, string>) => loadConfig({ specs: [web], env }).of(web).port;
  assert.equal(portOf({ EDGE_PORT: '9' }), 9);
  assert.equal(portOf({ APP_WEB_PORT: '9' }), 9);
  assert.equal(portOf({ PORT: '9' }), 9);
  assert.equal(portOf({ PORT: '9', EDGE_PORT: '7' }), 7);
  assert.equal(portOf({ WEB_PORT: '', PORT: ' 9 ' }), 9);
  assert.equal(portOf({ WEB_PORT: '7', EDGE_PORT: '7' }), 7);
});

test('two variables of one level that differ are refused by name', () => {
  assert.deepEqual(faultsOf({ env: { WEB_PORT: '7', EDGE_PORT: '8' } }), [
    {
      key: 'web.port',
      source: 'environment variables WEB_PORT and EDGE_PORT',
      detail: 'WEB_PORT and EDGE_PORT both set web.port and differ',
      fix: 'unset EDGE_PORT',
    },
  ]);
});

test('all faults are reported at once, each with its source and the line to paste', () => {
  const path = file('web:\n  verbose: perhaps\n  max_body: 9\nwebb: {}\n');
  const faults = faultsOf({
    specs: [web, mail],
    flags: { 'web-port': 'http' },
    env: { WEB_MAX_BODY_KIB: '2000' },
    file: path,
  });
  assert.deepEqual(
    faults.map(({ source, detail, fix }) => [source, detail, fix]),
    [
      [`${path}:3`, 'There is no setting web.max_body', 'write web.max_body_kib'],
      [`${path}:4`, 'There is no setting webb', 'write web'],
      ['flag --web-port', 'web.port must be a whole number from 0 to 65535, not "http"', '--web-port 8080'],
      [
        'environment variable WEB_MAX_BODY_KIB',
        'web.max_body_kib must be a whole number from 1 to 1024, not "2000"',
        'WEB_MAX_BODY_KIB=64',
      ],
      [`${path}:2`, 'web.verbose must be true or false, not "perhaps"', 'web: { verbose: false }'],
      ['set nowhere', 'mail.sender is required', 'MAIL_SENDER=shop@example.com'],
    ],
  );
});

test('a secret comes from a file, and one that cannot be read is a fault that names the variable', () => {
  const path = join(directory, 'password');
  writeFileSync(path, 's3cret\n');
  const env = { MAIL_SENDER: 'a@example.com' };
  const config = loadConfig({ specs: [mail], env: { ...env, MAIL_PASSWORD_FILE: path } });
  assert.equal(config.of(mail).password, 's3cret');
  assert.equal(config.sourceOf('mail.password'), 'MAIL_PASSWORD_FILE');
  const yaml = file(`mail:\n  password_file: ${path}\n`);
  assert.equal(loadConfig({ specs: [mail], env, file: yaml }).of(mail).password, 's3cret');
  const missing = faultsOf({ specs: [mail], env: { ...env, MAIL_PASSWORD_FILE: '/nowhere' } });
  assert.equal(missing[0]?.detail, 'mail.password: the file /nowhere cannot be read (ENOENT)');
});

test('a file that is no YAML, no map, or not there is a fault with its place', () => {
  assert.equal(faultsOf({ file: file('web:\n  port: [1\n') })[0]?.key, undefined);
  assert.match(faultsOf({ file: file('web:\n  port: 1\n  port: 2\n') })[0]?.detail ?? '', /not valid YAML.*unique/);
  assert.equal(faultsOf({ file: file('- 1') })[0]?.detail, 'The file must consist of sections');
  assert.equal(faultsOf({ file: file('web: 8') })[0]?.detail, 'web is a section and takes no value of its own');
  assert.equal(faultsOf({ file: '/nowhere.yaml' })[0]?.detail, 'The file cannot be read: ENOENT');
});

test('an empty file, an empty section and a null value leave the defaults', () => {
  for (const source of ['', '# nothing\n', 'web:\n', 'web:\n  port:\n']) {
    assert.equal(loadConfig({ specs: [web], env: {}, file: file(source) }).of(web).port, 8080);
  }
});

test('a flag that no setting has is refused with the nearest name', () => {
  assert.equal(faultsOf({ flags: { 'web-prot': 1 } })[0]?.fix, 'write web-port');
});

test('lists are read from text with commas and from a list in the file', () => {
  assert.deepEqual(loadConfig({ specs: [web], env: { WEB_ORIGINS: 'a, b,' } }).of(web).origins, ['a', 'b']);
  const path = file('web:\n  origins:\n    - a\n    - b\n');
  assert.deepEqual(loadConfig({ specs: [web], env: {}, file: path }).of(web).origins, ['a', 'b']);
});
