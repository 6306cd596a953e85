import assert from 'node:assert/strict';
import { request } from 'node:http';
import test from 'node:test';
import { createLogger } from '../telemetry/index.ts';
import { systemClock } from '../time/index.ts';
import { isLoopbackHost } from './host-header.ts';
import { createHttpServer } from './http-server.ts';

test('the names of this machine are loopback hosts, all others are not', () => {
  const own = ['localhost', 'localhost:8080', 'LOCALHOST:1', '127.0.0.1:8080', '127.1.2.3', '[::1]:8080'];
  const foreign = ['', 'evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', '::1'];
  assert.deepEqual(own.filter(isLoopbackHost), own);
  assert.deepEqual(foreign.filter(isLoopbackHost), []);
});

test('a request that was sent to another name is refused on every path, one to this machine is answered', async (t) => {
  const server = createHttpServer({
    services: [],
    invoke: () => Promise.reject(new Error('nothing is called here')),
    clock: systemClock,
    log: createLogger({ level: 'silent', format: 'json' }),
    health: { name: 'tradepost', version: '0.0.0', check: () => ({}) },
    onlyLoopbackHosts: true,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const ask = (path: string, host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers: { host } }, (answer) => {
        let body = '';
        answer.on('data', (chunk) => {
          body += chunk;
        });
        answer.on('end', () => resolve(`${answer.statusCode} ${JSON.parse(body).code ?? ''}`.trim()));
      });
      sent.once('error', reject);
      sent.end();
    });
  for (const path of ['/health', '/openapi.json', '/nowhere']) {
    assert.equal(await ask(path, 'evil.example:8080'), '421 host_not_allowed');
  }
  assert.equal(await ask('/livez', `localhost:${port}`), '200');
});
