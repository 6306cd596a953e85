import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';

test('what goes wrong in consumers and effects is counted by what it was', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const { consumers, effects, commands } = metrics.ofService('mail');
  const identity = { consumer: 'mail.orders', producer: 'order' };
  consumers.batch({ ...identity, applied: 3, passed: 2, durationMs: 4 });
  consumers.duplicates({ ...identity, count: 5 });
  consumers.gap({ ...identity, topic: 'orders', part: 1 });
  consumers.failed({ ...identity, type: 'OrderPlaced', fingerprint: 'f', outcome: 'dead' });
  consumers.outage({ ...identity, reason: 'no server', began: true });
  consumers.outage({ ...identity, reason: 'no server', began: false });
  effects.performed({ effect: 'mail.send', outcome: 'retry', state: 'given_up', durationMs: 3 });
  effects.outage({ effect: 'mail.send', reason: 'no server', began: true });
  commands.batched('PlaceOrder', 4, 7);
  const { body } = await metrics.print();
  const labels = 'service="mail",consumer="mail.orders",producer="order"';
  for (const line of [
    `consumer_events_applied_total{${labels}} 3`,
    `consumer_events_passed_total{${labels}} 2`,
    `consumer_batch_duration_seconds_sum{${labels}} 0.004`,
    `consumer_duplicates_total{${labels}} 5`,
    `consumer_gaps_total{${labels}} 1`,
    `consumer_failures_total{${labels},type="OrderPlaced",outcome="dead"} 1`,
    `consumer_outages_total{${labels}} 1`,
    'effects_performed_total{service="mail",effect="mail.send",outcome="retry",state="given_up"} 1',
    'effect_outages_total{service="mail",effect="mail.send"} 1',
    'command_batch_size_sum{service="mail",method="PlaceOrder"} 4',
    'command_queue_length_sum{service="mail",method="PlaceOrder"} 7',
  ]) {
    assert.equal(body.includes(`${line}\n`), true, `${line} is not in\n${body}`);
  }
});

test('sequencers are read at the scrape', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const status = { state: 'leading', passes: 4, logged: 9 };
  const forget = metrics.observeSequencer({ service: 'mail', status: () => status });
  const before = (await metrics.print()).body;
  status.passes = 5;
  const after = (await metrics.print()).body;
  forget();
  const forgotten = (await metrics.print()).body;
  assert.deepEqual(
    [before, after, forgotten].map((body) => /sequencer_passes_total\{service="mail"\} (\d+)/.exec(body)?.[1]),
    ['4', '5', undefined],
  );
});
