import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import test, { type TestContext } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { createSmtpSender, type Handover } from './smtp.ts';

const mail = {
  from: 'Tradepost <no-reply@tradepost.local>',
  to: 'ada@example.com',
  subject: 'Your score went up',
  text: 'Your score increased by 15 points!',
  html: '<p>Your score increased by 15 points!</p>',
  messageId: '<3f1b0c9e@tradepost.local>',
};

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

async function sendThrough(options: SMTPServerOptions, timeoutMs = 2000): Promise<Handover> {
  const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], ...options });
  server.on('error', () => {});
  const port = await listen(server.server);
  const sender = createSmtpSender(`smtp://127.0.0.1:${port}`, timeoutMs);
  try {
    return await sender.send(mail, new AbortController().signal);
  } finally {
    sender.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function refuseWith(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

test('a server that accepts the mail gets it whole, with the Message-ID that it was given', async () => {
  let source = '';
  const handover = await sendThrough({
    onData(stream, _session, callback) {
      stream.on('data', (chunk: Buffer) => {
        source += chunk.toString();
      });
      stream.on('end', () => callback());
    },
  });
  assert.equal(handover.outcome, 'accepted');
  assert.match(source, /^Message-ID: <3f1b0c9e@tradepost\.local>\r$/m);
  assert.match(source, /^To: ada@example\.com\r$/m);
  assert.match(source, /text\/plain[\s\S]*Your score increased by 15 points![\s\S]*text\/html/);
});

test('a recipient that is refused for good is a bounce', async () => {
  const handover = await sendThrough({
    onRcptTo: (_address, _session, callback) => callback(refuseWith(550, 'no such mailbox')),
  });
  assert.equal(handover.outcome, 'refused');
  assert.match(handover.answer, /no such mailbox/);
});

test('a recipient that is refused for now is tried later, and is no outage', async () => {
  const handover = await sendThrough({
    onRcptTo: (_address, _session, callback) => callback(refuseWith(451, 'greylisted')),
  });
  assert.deepEqual([handover.outcome, handover.outcome === 'later' && handover.outage], ['later', false]);
});

test('a server that says it is closing is an outage', async () => {
  const handover = await sendThrough({
    onMailFrom: (_address, _session, callback) => callback(refuseWith(421, 'shutting down')),
  });
  assert.deepEqual([handover.outcome, handover.outcome === 'later' && handover.outage], ['later', true]);
});

test('nobody listening is an outage', async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  const sender = createSmtpSender(`smtp://127.0.0.1:${port}`, 500);
  const handover = await sender.send(mail, new AbortController().signal);
  sender.close();
  assert.deepEqual([handover.outcome, handover.outcome === 'later' && handover.outage], ['later', true]);
});

test('a server that takes the mail and drops the connection before it answers leaves it for later', async () => {
  let taken = '';
  const server = createServer((socket) => {
    let inData = false;
    socket.write('220 ready\r\n');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const text = chunk.toString();
      if (inData) {
        taken += text;
        if (taken.endsWith('\r\n.\r\n')) socket.destroy();
      } else if (text.startsWith('DATA')) {
        inData = true;
        socket.write('354 go on\r\n');
      } else socket.write('250 fine\r\n');
    });
  });
  const port = await listen(server);
  const sender = createSmtpSender(`smtp://127.0.0.1:${port}`, 2000);
  const handover = await sender.send(mail, new AbortController().signal);
  sender.close();
  await new Promise((resolve) => server.close(resolve));
  assert.match(taken, /Your score increased by 15 points!/);
  assert.equal(handover.outcome, 'later');
});

/** A server that takes the mail and says nothing. @returns what it had got, and whether the connection was ended. */
async function stalledServer(t: TestContext) {
  let taken = '';
  let ended = 0;
  const server = createServer((socket) => {
    let inData = false;
    socket.write('220 ready\r\n');
    socket.on('error', () => {});
    socket.on('close', () => {
      ended += 1;
    });
    socket.on('data', (chunk) => {
      const text = chunk.toString();
      if (inData) taken += text;
      else if (text.startsWith('DATA')) {
        inData = true;
        socket.write('354 go on\r\n');
      } else socket.write('250 fine\r\n');
    });
  });
  const port = await listen(server);
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return { url: `smtp://127.0.0.1:${port}`, taken: () => taken, ended: () => ended };
}

test('a server that does not answer in time is cut off, and the mail counts as tried', async (t) => {
  const server = await stalledServer(t);
  const sender = createSmtpSender(server.url, 300);
  const startedMs = performance.now();
  const handover = await sender.send(mail, new AbortController().signal);
  assert.ok(performance.now() - startedMs < 1500);
  assert.deepEqual(handover, { outcome: 'later', answer: 'no answer within 300 ms', outage: false });
  await until(() => server.ended() === 1);
});

test('a send that is aborted ends at once, with its connection', async (t) => {
  const server = await stalledServer(t);
  const sender = createSmtpSender(server.url, 20_000);
  const controller = new AbortController();
  const sending = sender.send(mail, controller.signal);
  await until(() => server.taken().includes('Your score'));
  controller.abort();
  const startedMs = performance.now();
  assert.equal((await sending).outcome, 'later');
  assert.ok(performance.now() - startedMs < 500);
  await until(() => server.ended() === 1);
});

test('who waits for a connection spends none of its time, and leaves when it is aborted', async (t) => {
  const server = await stalledServer(t);
  const sender = createSmtpSender(server.url, 400);
  const startedMs = performance.now();
  const patient = Array.from({ length: 8 }, () => sender.send(mail, new AbortController().signal));
  const leaves = await sender.send(mail, AbortSignal.timeout(100));
  assert.deepEqual(leaves, { outcome: 'later', answer: 'no connection came free', outage: true });
  await Promise.all(patient);
  assert.ok(performance.now() - startedMs >= 790, 'the second four had a time of their own');
});

for (const [where, options] of [
  ['greeting', { onConnect: (_session, callback) => callback(refuseWith(554, 'not today')) }],
  ['sender', { onMailFrom: (_address, _session, callback) => callback(refuseWith(451, 'too many mails')) }],
] satisfies [string, SMTPServerOptions][]) {
  test(`a refusal at the ${where} says nothing about the mail: an outage`, async () => {
    const handover = await sendThrough(options);
    assert.deepEqual([handover.outcome, handover.outcome === 'later' && handover.outage], ['later', true]);
  });
}

async function until(holds: () => boolean): Promise<void> {
  const late = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > late) assert.fail('not within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
