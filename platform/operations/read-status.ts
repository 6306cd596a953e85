// What a process says of itself to operators.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { OperatedProcess, OperatedService } from './sources.ts';

export async function getStatus(operated: OperatedProcess) {
  const services = operated.services();
  return {
    pid: process.pid,
    startedAt: timestampFromDate(operated.startedAt),
    version: operated.version,
    services: await Promise.all(services.map((service) => describeService(service, operated.isDraining()))),
    consumers: (await Promise.all(services.map(describeConsumers))).flat(),
    effects: (await Promise.all(services.map(describeEffects))).flat(),
  };
}

async function describeService(service: OperatedService, draining: boolean) {
  const { state, reason } = service.sequencer();
  const [incarnation, outboxAgeSeconds, [counted]] = await Promise.all([
    service.reader.incarnation(),
    service.outboxAgeSeconds(),
    service.pipeline.query<{ logged: bigint }>(
      `select coalesce(sum(coalesce(h.sequence, p.first_retained - 1)), 0)::bigint as logged from tradepost.log_parts p
       left join lateral (
         select l.sequence from tradepost.log l where l.topic = p.topic and l.part = p.part
         order by l.sequence desc limit 1
       ) h on true`,
    ),
  ]);
  const trouble = state === 'stopped' || state === 'failing' ? `${state}: ${reason ?? ''}` : undefined;
  return {
    name: service.name,
    state: draining ? 'draining' : (trouble ?? 'serving'),
    incarnation,
    outboxAgeSeconds,
    logged: counted?.logged ?? 0n,
  };
}

async function describeConsumers(service: OperatedService) {
  const described = service.consumers().map(async ({ consumer }) => {
    const { behindOf } = await consumer.backlog();
    const { runners } = consumer.status();
    return runners.map((runner) => ({
      name: consumer.name,
      service: service.name,
      producer: runner.producer,
      state: runner.state,
      reason: runner.reason,
      lag: behindOf.get(runner.producer) ?? 0n,
      waiting: BigInt(runner.waiting),
      held: BigInt(runner.held),
      dead: BigInt(runner.dead),
    }));
  });
  return (await Promise.all(described)).flat();
}

async function describeEffects(service: OperatedService) {
  const counts = await service.effectCounts();
  return service.effects().map(({ name, state, reason }) => ({
    ...{ name, service: service.name, state, reason },
    pending: BigInt(counts.get(name)?.pending ?? 0),
    failed: BigInt(counts.get(name)?.failed ?? 0),
  }));
}
