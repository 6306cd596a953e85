// What the sequencers of this process have done, read at a scrape from the counts that they keep anyway.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { SequencerSource } from './observers.ts';

export function createSequencerMetrics(registry: Registry): (sequencer: SequencerSource) => () => void {
  const sources = new Set<SequencerSource>();
  const labelNames = ['service'] as const;
  const counter = (name: string, help: string, read: (status: ReturnType<SequencerSource['status']>) => number) =>
    new Counter({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const { service, status } of sources) this.inc({ service }, read(status()));
      },
    });
  counter('sequencer_passes_total', 'Looks for committed events by this process.', ({ passes }) => passes);
  counter('sequencer_rows_total', 'Events that this process put into the log.', ({ logged }) => logged);
  new Gauge({
    name: 'sequencer_leading',
    help: 'Whether this process puts the events of a service into their log.',
    ...{ labelNames, registers: [registry] },
    collect() {
      this.reset();
      for (const { service, status } of sources) this.set({ service }, status().state === 'leading' ? 1 : 0);
    },
  });
  return (source) => {
    sources.add(source);
    return () => void sources.delete(source);
  };
}
