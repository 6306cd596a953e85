// A real SMTP server that keeps what it accepts. Its ledger outlives the kills, for it runs in the test's own process.
import { SMTPServer } from 'smtp-server';

export interface AcceptedMail {
  readonly messageId: string;
  readonly to: string;
  /** When it was accepted, by `performance.now()`. */
  readonly atMs: number;
}

export interface MailSink {
  readonly url: string;
  readonly accepted: AcceptedMail[];
  /** Time between acceptance and answer from now on. */
  answerAfter(ms: number): void;
  close(): Promise<void>;
}

export async function createMailSink(): Promise<MailSink> {
  const accepted: AcceptedMail[] = [];
  let delayMs = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const headers = Buffer.concat(chunks).toString('utf8');
        const messageId = headers.match(/^Message-ID:\s*(<[^>]+>)/im)?.[1] ?? '';
        accepted.push({ messageId, to: session.envelope.rcptTo[0]?.address ?? '', atMs: performance.now() });
        if (delayMs === 0) callback();
        else setTimeout(callback, delayMs);
      });
    },
  });
  // A client that is killed in the middle of a conversation is what these tests are about.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the SMTP server has no port');
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    accepted,
    answerAfter(ms) {
      delayMs = ms;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
