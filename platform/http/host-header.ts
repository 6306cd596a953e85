// Refuses requests that were sent to another name. A page of anybody's may point a name of its own at 127.0.0.1 and is
// then of the same origin as we are; the name in `Host` gives it away. Loopback keeps nobody else out, so this does.
import type { FastifyInstance } from 'fastify';
import type { Open } from './fastify-app.ts';
import { refuseHttp } from './http-refusals.ts';

export function refuseForeignHosts(app: FastifyInstance, open: Open): void {
  app.addHook('onRequest', (request, reply, done) => {
    const host = request.raw.headers.host ?? '';
    if (isLoopbackHost(host)) {
      done();
      return;
    }
    const exchange = open(request, reply, 'unmatched');
    reply.hijack();
    exchange.fail(refuseHttp('host_not_allowed', { host: host.slice(0, 100) }), { connection: 'close' });
  });
}

/** @param host as in the header: a name or an address, in brackets where it has colons, with or without a port. */
export function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}
