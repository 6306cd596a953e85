// What processes cost, as Linux tells it: CPU time and memory of a process and of all below it. Elsewhere undefined.
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of `/proc/…/stat`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const MB = 1024 * 1024;

export interface Memory {
  readonly processes: number;
  /** Shared pages counted in each process. */
  readonly rssMb: number;
  /** Shared pages divided among those who share them: what would come free. */
  readonly pssMb: number;
}

interface Stat {
  readonly parent: number;
  /** Of the process, and of its children that have ended. */
  readonly cpuSeconds: number;
}

const isLinux = process.platform === 'linux';

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + field, 0);
    return { parent: fields[1] as number, cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

/** The process and all below it. */
function treeOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = statOf(Number(name));
    if (stat !== undefined) parents.set(Number(name), stat.parent);
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** CPU seconds so far of the given processes, their descendants, living and ended. */
export function cpuSecondsOf(roots: readonly number[]): number | undefined {
  if (!isLinux) return undefined;
  const pids = new Set(roots.flatMap(treeOf));
  return [...pids].reduce((sum, pid) => sum + (statOf(pid)?.cpuSeconds ?? 0), 0);
}

/** CPU seconds of this process so far. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Of the processes, with all below them unless they are to be read `alone`. */
export function memoryOf(roots: readonly number[], alone = false): Memory | undefined {
  if (!isLinux) return undefined;
  const pids = alone ? roots : [...new Set(roots.flatMap(treeOf))];
  const rollups = pids.map(rollupOf).filter((text) => text !== '');
  const sum = (field: string): number =>
    rollups.reduce((total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0), 0);
  return { processes: rollups.length, rssMb: (sum('Rss') * 1024) / MB, pssMb: (sum('Pss') * 1024) / MB };
}

/** Empty for a process that has ended meanwhile. */
function rollupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch {
    return '';
  }
}
