// What can be learned about another process without being its parent. Linux tells by /proc, the others by `ps`.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A zombie counts as dead: it holds nothing any more. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return processStat(pid)?.[0] !== 'Z';
}

/** @returns a mark of when the process started, so that a reused pid is told apart; empty where unknown. */
export function processStart(pid: number): string {
  return processStat(pid)?.[19] ?? '';
}

/** @returns the command line of a process; empty when it is gone or cannot be read. */
export function processCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    if (process.platform === 'linux' || process.platform === 'win32') return '';
    return spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout ?? '';
  }
}

/** The fields of /proc/<pid>/stat from the state on; the command before it may hold blanks and brackets. */
function processStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
