// What the command line ends with: a code, a sentence, the fix, and an exit code that scripts can rely on.
import type { Refusal, StatusName } from '@tradepost/platform/errors';

/** Documented in `tradepost --help`; never renumbered. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  config: 3,
  unreachable: 4,
  notFound: 5,
  refused: 6,
  partly: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class Failure extends Error {
  override readonly name = 'Failure';
  /** Stable, for scripts: `not_running`. */
  readonly code: string;
  readonly fix: string | undefined;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: { fix?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

export function usageFailure(message: string, fix?: string): Failure {
  return new Failure('usage', message, { exitCode: EXIT.usage, ...(fix === undefined ? {} : { fix }) });
}

const UNREACHABLE: readonly StatusName[] = ['UNAVAILABLE', 'DEADLINE_EXCEEDED'];
const FAULTY: readonly StatusName[] = ['INTERNAL', 'UNKNOWN', 'DATA_LOSS', 'UNIMPLEMENTED'];

function exitCodeOf(status: StatusName): ExitCode {
  if (status === 'NOT_FOUND') return EXIT.notFound;
  if (UNREACHABLE.includes(status)) return EXIT.unreachable;
  if (status === 'CANCELLED') return EXIT.interrupted;
  return FAULTY.includes(status) ? EXIT.failed : EXIT.refused;
}

function fixOf(refusal: Refusal): string | undefined {
  if (refusal.status === 'UNAVAILABLE') return `see what runs with 'tradepost status', start it with 'tradepost start'`;
  if (refusal.status === 'UNAUTHENTICATED') return `give the key with --api-key or API_KEY`;
  const faults = refusal.options.errors ?? [];
  return faults.length === 0 ? undefined : faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
}

/** Anything that was thrown, as a failure. A bug stays recognisable: its code is `internal`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (isRefusal(error)) {
    const fix = fixOf(error);
    const exitCode = exitCodeOf(error.status);
    return new Failure(error.code, error.message, { exitCode, cause: error, ...(fix === undefined ? {} : { fix }) });
  }
  if (isConfigError(error)) {
    const fix = error.faults.map((fault) => fault.fix).join('\n       ');
    const message = error.faults.map(({ detail, source }) => `${detail} (${source})`).join('\n       ');
    return new Failure('config_invalid', message, { exitCode: EXIT.config, fix });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new Failure('internal', message, { cause: error });
}

// By name and shape: the classes would have to be loaded to be compared with.
function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && error.name === 'Refusal' && 'status' in error;
}

function isConfigError(error: unknown): error is Error & { faults: { detail: string; source: string; fix: string }[] } {
  return error instanceof Error && error.name === 'ConfigError' && 'faults' in error;
}
