// Turns what is to be said into a mail's subject, text and HTML. Whatever a person wrote is escaped in the HTML.
import { fileURLToPath } from 'node:url';
import { Liquid } from 'liquidjs';

const root = fileURLToPath(new URL('../templates/', import.meta.url));
const text = new Liquid({ root, cache: true, strictVariables: true });
const html = new Liquid({ root, cache: true, strictVariables: true, outputEscape: 'escape' });

export type MailKind = 'congratulation' | 'message';

export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface MailContent {
  readonly kind: MailKind;
  /** What the person is called; empty for an address without a person. */
  readonly name: string;
  readonly message: string;
  readonly subject?: string;
}

export function renderMail({ kind, name, message, subject = subjectOf(kind) }: MailContent): Rendered {
  const facts = { name, message, subject };
  return {
    subject,
    text: text.renderFileSync(`${kind}.txt.liquid`, facts),
    html: html.renderFileSync(`${kind}.html.liquid`, facts),
  };
}

function subjectOf(kind: MailKind): string {
  return kind === 'congratulation' ? 'Your score went up' : 'A message for you';
}
