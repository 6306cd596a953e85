// A process for a test: it consumes until all is applied or dead, and dies on one message.
import { openDatabase } from '../../db/index.ts';
import { silentLog } from '../../testing/index.ts';
import { createEmbeddedBus } from '../bus.ts';
import { openLogReader } from '../log/index.ts';
import { startTestConsumer } from './test-pipeline.ts';

const DEADLY_CHANGE = 4;

const [producerUrl = '', consumerUrl = ''] = process.argv.slice(2);
const producer = await openDatabase({ service: 'score', url: producerUrl, log: silentLog });
const database = await openDatabase({ service: 'notification', url: consumerUrl, log: silentLog });
const bus = createEmbeddedBus(new Map([['score', openLogReader({ database: producer })]]));
const running = startTestConsumer({ database }, bus, {
  before: ({ value }) => {
    if (value.change === DEADLY_CHANGE) process.kill(process.pid, 'SIGKILL');
  },
});
while (running.consumer.status().runners[0]?.dead !== 1 || (await running.consumer.backlog()).behind > 0n) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
await running.close();
await Promise.all([producer.close(), database.close()]);
