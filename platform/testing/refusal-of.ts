// A call's refusal as a value, so that a test can compare it.
import { Refusal } from '../errors/index.ts';

/** @returns `NOT_FOUND user_not_found: There is no user 7.` @throws when the call succeeds, and what is no refusal. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return `${error.status} ${error.code}: ${error.message}`;
  }
  throw new Error('the call was not refused');
}
