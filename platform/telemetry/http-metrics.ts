// Counters of HTTP requests by route template, method and status.
import { Counter, Histogram, type Registry } from 'prom-client';
import { LATENCY_BUCKETS } from './latency-buckets.ts';
import type { HttpObserver } from './observers.ts';

export function createHttpMetrics(registry: Registry): HttpObserver {
  const labelNames = ['method', 'route', 'status'] as const;
  const registers = [registry];
  const total = new Counter({ name: 'http_requests_total', help: 'HTTP requests answered.', labelNames, registers });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer, in seconds.',
    labelNames,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const series = new Map<string, (seconds: number) => void>();
  return {
    handled({ method, route, status, durationMs }) {
      const key = `${method} ${route} ${status}`;
      let count = series.get(key);
      if (count === undefined) {
        const labels = { method, route, status: String(status) };
        const [counter, histogram] = [total.labels(labels), duration.labels(labels)];
        count = (seconds) => {
          counter.inc();
          histogram.observe(seconds);
        };
        series.set(key, count);
      }
      count(durationMs / 1000);
    },
  };
}
