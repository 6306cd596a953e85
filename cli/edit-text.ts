// Opens a text in the user's editor, as git does.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from './failure.ts';

/** @param name of the file, so that the editor knows its language. @throws Failure when nothing was changed. */
export async function editText(text: string, name: string): Promise<string> {
  const editor = process.env.VISUAL ?? process.env.EDITOR ?? (process.platform === 'win32' ? 'notepad' : 'vi');
  const folder = mkdtempSync(join(tmpdir(), 'tradepost-'));
  const path = join(folder, name);
  try {
    writeFileSync(path, indented(text), { mode: 0o600 });
    const before = readFileSync(path, 'utf8');
    await run(editor, path);
    const after = readFileSync(path, 'utf8');
    if (after === before) throw new Failure('unchanged', 'Nothing was changed', { fix: 'change the value, then save' });
    return compact(after);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function indented(text: string): string {
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch {
    return text;
  }
}

/** The server checks it; here only the indentation goes. */
function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text.trim();
  }
}

function run(editor: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${editor} "$TRADEPOST_EDIT"`, {
      stdio: 'inherit',
      shell: true,
      env: { ...process.env, TRADEPOST_EDIT: path },
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Failure('editor_failed', `${editor} ended with ${code}`, { fix: 'set EDITOR' }));
    });
  });
}
