// The pages of `docs` that are printed from the code. A page is added here, and nowhere else.
import { printConfigDocs } from './print-config-docs.ts';
import { printErrorDocs } from './print-error-docs.ts';
import { printEventDocs } from './print-event-docs.ts';

/** @returns the text of every generated page by its path from the root. */
export async function generateDocs(): Promise<Map<string, string>> {
  return new Map([
    ['docs/config.md', await printConfigDocs()],
    ['docs/errors.md', await printErrorDocs()],
    ['docs/events.md', printEventDocs()],
  ]);
}
