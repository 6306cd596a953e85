// Sends mail through an SMTP server. What the server's answer means for a mail is decided here (RFC 5321, 4.2.1): 4yz
// may pass later, 5yz never will; no answer at all says nothing about the mail.
import { createTransport } from 'nodemailer';

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
  send(mail: OutgoingMail): Promise<Handover>;
  close(): void;
}

interface SmtpError extends Error {
  code?: string;
  responseCode?: number;
}

// The server is there and could not be talked to, or asks for other credentials: no mail's fault.
const OUTAGES = new Set(['ECONNECTION', 'ECONNREFUSED', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'EAUTH', 'ETLS', 'ECONNRESET']);

/** @param url `smtp://` or `smtps://`. @param timeoutMs for each phase of the conversation. */
export function createSmtpSender(url: string, timeoutMs: number): SmtpSender {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: 4,
    maxMessages: 100,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(mail) {
      try {
        const info = await transport.sendMail(mail);
        return { outcome: 'accepted', answer: info.response };
      } catch (error) {
        return judge(error as SmtpError);
      }
    },
    close: () => transport.close(),
  };
}

function judge(error: SmtpError): Handover {
  const answer = error.message;
  const outage = OUTAGES.has(error.code ?? '') || error.responseCode === 421;
  if (!outage && error.responseCode !== undefined && error.responseCode >= 500) return { outcome: 'refused', answer };
  return { outcome: 'later', answer, outage };
}
