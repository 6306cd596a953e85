// Names this process so that another on the same host can tell whether it has ended. Process ids are used again and
// mean nothing in another pid namespace, so the name carries the namespace and the moment of the process's start.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** `<place>|<pid>|<start>`; without /proc the place is the host's name and the start is empty. */
export const processIdentity = [placeOfProcess(), process.pid, startOf(process.pid) ?? ''].join('|');

/** Whether the process of that name is known to have ended; false when this cannot be known from here. */
export function hasEnded(identity: string): boolean {
  const [place, pidText, start] = identity.split('|');
  const pid = Number(pidText);
  if (place !== placeOfProcess() || !Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const startNow = startOf(pid);
  return startNow !== undefined && start !== '' && startNow !== start;
}

function placeOfProcess(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

// The 22nd field of proc(5)'s stat; the second may hold blanks and parentheses. A zombie runs no more, so it has none.
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : fields[19];
  } catch {
    return undefined;
  }
}
