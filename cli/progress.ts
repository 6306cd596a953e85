// Progress of long work, on the standard error: a bar on a terminal, now and then a plain line elsewhere.
import type { TextStream } from './output.ts';

export interface Progress {
  /** @param facts further words: `4,211 accepted, 3 refused`. */
  update(done: number, facts?: string): void;
  finish(): void;
}

export interface ProgressOptions {
  readonly label: string;
  /** Absent when nobody knows how much there is. */
  readonly total?: number;
  readonly unit?: string;
  readonly stream?: TextStream;
  readonly monotonicMs?: () => number;
}

const BAR_WIDTH = 24;
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

export function createProgress(options: ProgressOptions): Progress {
  const { label, total, stream = process.stderr, monotonicMs = () => performance.now() } = options;
  const interactive = stream.isTTY === true;
  const everyMs = interactive ? BAR_EVERY_MS : LINE_EVERY_MS;
  const startedMs = monotonicMs();
  let shownMs = interactive ? -Infinity : startedMs;
  let last: string | undefined;
  const describe = (done: number, facts: string | undefined): string => {
    const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
    const seconds = Math.max(0.001, (monotonicMs() - startedMs) / 1000);
    const rate = `${Math.round(done / seconds)}/s`;
    const amount = share === undefined ? `${done}` : `${Math.floor(share * 100)} %`;
    const filled = Math.round((share ?? 0) * BAR_WIDTH);
    const bar = interactive && share !== undefined ? `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ` : '';
    const speed = options.unit === undefined ? '' : `  ${rate.replace('/', ` ${options.unit}/`)}`;
    return `${label}  ${bar}${amount}${speed}${facts === undefined ? '' : `  ${facts}`}`;
  };
  return {
    update(done, facts) {
      last = undefined;
      const nowMs = monotonicMs();
      if (nowMs - shownMs < everyMs) {
        last = describe(done, facts);
        return;
      }
      shownMs = nowMs;
      show(describe(done, facts));
    },
    finish() {
      if (last !== undefined && interactive) show(last);
      if (interactive && shownMs !== -Infinity) stream.write('\n');
    },
  };

  function show(text: string): void {
    if (!interactive) return void stream.write(`${text}\n`);
    const width = (stream.columns ?? 80) - 1;
    stream.write(`\r${text.slice(0, width).padEnd(width)}`);
  }
}
