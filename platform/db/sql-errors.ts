// What an error of PostgreSQL or of the way to it means. SQLSTATE decides, never the sentence, which may be translated.
import { CommitUnknownError, DatabaseUnavailableError } from './database.ts';

interface ErrorFacts {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly message?: unknown;
}

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

// The driver has no code for these.
const NEVER_SENT_MESSAGES = ['Client has encountered a connection error', 'Client was closed'];
const LOST_MESSAGES = [...NEVER_SENT_MESSAGES, 'Connection terminated', 'Query read timeout'];

/** @returns the five characters of the SQLSTATE, also of an error's cause; undefined for an error of another kind. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as ErrorFacts | undefined)?.code;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !NETWORK_CODES.has(code)) return code;
  if (error instanceof Error && error.cause !== undefined) return sqlStateOf(error.cause);
  return undefined;
}

/** @returns the name of the constraint that refused the statement, to be mapped to a refusal. */
export function constraintOf(error: unknown): string | undefined {
  const constraint = (error as ErrorFacts | undefined)?.constraint;
  return typeof constraint === 'string' && constraint !== '' ? constraint : undefined;
}

/** The connection is gone, or was never had: nothing more can be asked over it. */
export function isConnectionLost(error: unknown): boolean {
  const facts = error as ErrorFacts | undefined;
  const code = typeof facts?.code === 'string' ? facts.code : undefined;
  if (code !== undefined) {
    return NETWORK_CODES.has(code) || /^(08...|57P0[1-5]|25P03|25P04)$/.test(code);
  }
  const message = typeof facts?.message === 'string' ? facts.message : '';
  return LOST_MESSAGES.some((text) => message.startsWith(text));
}

/** The driver knew that the connection was gone and sent nothing. */
export function wasNeverSent(error: unknown): boolean {
  const message = error instanceof Error ? error.message : '';
  return NEVER_SENT_MESSAGES.some((text) => message.startsWith(text));
}

/** A changed table invalidates plans whose result has another shape (0A000): a new connection plans anew. */
export function leavesConnectionBroken(error: unknown): boolean {
  return isConnectionLost(error) || ['0A000', '26000', '42P05'].includes(sqlStateOf(error) ?? '');
}

/** The transaction lost a race, by serialization or deadlock: running it again is the documented answer. */
export function isSerializationFailure(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '40001' || state === '40P01';
}

/**
 * Whether the same work, begun anew, may succeed: lost races, lost connections, exhausted resources, timeouts. Nothing
 * of it was committed. `CommitUnknownError` is not among them: repeat that only where a repeat is recognized.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof CommitUnknownError) return false;
  if (error instanceof DatabaseUnavailableError || isConnectionLost(error)) return true;
  const state = sqlStateOf(error);
  return state !== undefined && /^(40001|40P01|53...|55P03|57014|57P0[1-5]|08...|25P03|25P04)$/.test(state);
}
