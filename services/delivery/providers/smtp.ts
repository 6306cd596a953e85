// Sends mail through an SMTP server. What the server's answer means for a mail is decided here (RFC 5321, 4.2.1): 4yz
// may pass later, 5yz never will; no answer at all says nothing about the mail.
import { createTransport } from 'nodemailer';
import type { Options as PoolOptions } from 'nodemailer/lib/smtp-pool';
import { createTurns } from './turns.ts';

export interface OutgoingMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
}

export type Handover =
  | { readonly outcome: 'accepted'; readonly answer: string }
  | { readonly outcome: 'refused'; readonly answer: string }
  | { readonly outcome: 'later'; readonly answer: string; readonly outage: boolean };

export interface SmtpSender {
  /**
   * Never throws. Once it has resolved nothing of the mail is on its way any more.
   * @param signal cuts it off. @param stopping from then on whoever waits for a connection gets none.
   */
  send(mail: OutgoingMail, signal: AbortSignal, stopping?: AbortSignal): Promise<Handover>;
  close(): void;
}

interface SmtpError extends Error {
  code?: string;
  responseCode?: number;
  /** Where in the conversation: `CONN`, `EHLO`, `AUTH PLAIN`, `MAIL FROM`, `RCPT TO`, `DATA`. */
  command?: string;
}

// The server is there and could not be talked to, or asks for other credentials: no mail's fault.
const OUTAGES = new Set(['ECONNECTION', 'ECONNREFUSED', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'EAUTH', 'ETLS', 'ECONNRESET']);
const MAX_CONNECTIONS = 4;
const CONNECT_WITHIN_MS = 10_000;

/** @param url `smtp://` or `smtps://`. @param timeoutMs for one mail, from connection to acceptance. */
export function createSmtpSender(url: string, timeoutMs: number): SmtpSender {
  const connectMs = Math.min(CONNECT_WITHIN_MS, timeoutMs / 2);
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    maxMessages: 100,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    // The time for a mail ends sooner, and a connection that is cut sends nothing more.
    socketTimeout: timeoutMs * 2,
    socketCloseTimeout: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  } as PoolOptions);
  const turns = createTurns(MAX_CONNECTIONS);
  return {
    async send(mail, signal, stopping = signal) {
      if (!(await turns.take(AbortSignal.any([signal, stopping]))))
        return { outcome: 'later', answer: 'no connection came free', outage: true };
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        // The pool ends the connection that the mail is on when the signal is aborted.
        const abortable = { ...mail, signal: AbortSignal.any([signal, timeout]) };
        const info = await transport.sendMail(abortable);
        return { outcome: 'accepted', answer: info.response };
      } catch (error) {
        // It may have been accepted after all, so it counts: a server that is always late must not get it without end.
        const late = timeout.aborted || signal.aborted;
        if (late) return { outcome: 'later', answer: `no answer within ${timeoutMs} ms`, outage: false };
        return judge(error as SmtpError);
      } finally {
        turns.giveBack();
      }
    },
    close: () => transport.close(),
  };
}

function judge(error: SmtpError): Handover {
  const { message: answer, code = '', responseCode = 0, command = '' } = error;
  // Before the recipient is named an answer is about the server; a sender that is refused for good is about the mail.
  const isGreeting = responseCode >= 400 && /^(CONN|EHLO|HELO|STARTTLS|AUTH)/.test(command);
  const isSender = responseCode >= 400 && responseCode < 500 && command === 'MAIL FROM';
  const outage = OUTAGES.has(code) || responseCode === 421 || isGreeting || isSender;
  if (!outage && responseCode >= 500) return { outcome: 'refused', answer };
  return { outcome: 'later', answer, outage };
}
