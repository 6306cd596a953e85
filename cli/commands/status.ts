// What runs, how far behind it is, what is stuck.
import type { Command } from 'commander';
import { globalOptions, outputOf, withExamples } from '../command-options.ts';
import { dataDirectoryOf, withConnection } from '../connect.ts';
import type { Shape } from '../output.ts';
import { findRuns, type RunRegistration } from '../run-registration.ts';

export function register(status: Command): void {
  withExamples(status, ['tradepost status', 'tradepost status --output json']);
  status.action(async (_options, command: Command) => {
    const { GetStatusResponseSchema, OperationsService } = await import('@tradepost/contracts/operations');
    const { messageShape, timeText } = await import('../shapes.ts');
    const output = outputOf(command);
    await withConnection(command, async (connection) => {
      const answer = await connection.client(OperationsService).getStatus({});
      const run = globalOptions(command).url === undefined ? findRuns(dataDirectoryOf(command))[0] : undefined;
      const head = messageShape(GetStatusResponseSchema, [
        { title: 'process', value: ({ pid }) => pid },
        { title: 'version', value: ({ version }) => version },
        { title: 'since', value: ({ startedAt }) => timeText(startedAt) },
        { title: 'rest', value: () => run?.httpUrl },
        { title: 'grpc', value: () => run?.grpcAddress ?? connection.address },
      ]);
      if (output.format !== 'table') {
        output.one({ columns: [], json: () => ({ ...(head.json(answer) as object), ...addresses(run) }) }, answer);
        return;
      }
      output.one(head, answer);
      const sections = await tableShapes();
      output.say('');
      output.list(sections.services, answer.services, 'No service runs here.');
      output.say('');
      output.list(sections.consumers, answer.consumers, 'Nothing consumes events here.');
      if (answer.effects.length > 0) {
        output.say('');
        output.list(sections.effects, answer.effects, '');
      }
      const dead = answer.consumers.reduce((sum, consumer) => sum + consumer.dead, 0n);
      if (dead > 0n) output.say(`\n${dead} messages need a person: 'tradepost dlq ls'`);
    });
  });
}

function addresses(run: RunRegistration | undefined): object {
  return run === undefined ? {} : { http_url: run.httpUrl, grpc_address: run.grpcAddress };
}

async function tableShapes() {
  const { GetStatusResponse_ConsumerSchema, GetStatusResponse_EffectSchema, GetStatusResponse_ServiceSchema } =
    await import('@tradepost/contracts/operations');
  const { messageShape } = await import('../shapes.ts');
  const stateOf = ({ state, reason }: { state: string; reason: string }): string =>
    reason === '' ? state : `${state}: ${reason}`;
  return {
    services: messageShape(GetStatusResponse_ServiceSchema, [
      { title: 'service', value: ({ name }) => name },
      { title: 'state', value: ({ state }) => state },
      { title: 'events logged', value: ({ logged }) => logged, right: true },
      { title: 'outbox age', value: ({ outboxAgeSeconds }) => `${outboxAgeSeconds.toFixed(1)} s`, right: true },
    ]),
    consumers: messageShape(GetStatusResponse_ConsumerSchema, [
      { title: 'consumer', value: ({ name }) => name },
      { title: 'reads', value: ({ producer }) => producer },
      { title: 'lag', value: ({ lag }) => lag, right: true },
      { title: 'waiting', value: ({ waiting }) => waiting, right: true },
      { title: 'held', value: ({ held }) => held, right: true },
      { title: 'dead', value: ({ dead }) => dead, right: true },
      { title: 'state', value: stateOf, most: 60 },
    ]),
    effects: messageShape(GetStatusResponse_EffectSchema, [
      { title: 'effect', value: ({ name }) => name },
      { title: 'pending', value: ({ pending }) => pending, right: true },
      { title: 'given up', value: ({ failed }) => failed, right: true },
      { title: 'state', value: stateOf, most: 60 },
    ]),
  } satisfies Record<string, Shape<never>>;
}
