// Counters of calls under the names and labels of go-grpc-prometheus, so that its dashboards fit:
// https://github.com/grpc-ecosystem/go-grpc-prometheus
import { Counter, Histogram, type Registry } from 'prom-client';
import type { StatusName } from '../errors/index.ts';
import type { ObservedCall, RpcObserver, RpcSide } from '../rpc/observer.ts';
import { LATENCY_BUCKETS } from './latency-buckets.ts';

/** The names of Go's status codes: `NotFound`, `Canceled`. */
export function goCodeName(status: 'OK' | StatusName): string {
  if (status === 'OK') return 'OK';
  if (status === 'CANCELLED') return 'Canceled';
  return status.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

const LABELS = ['grpc_type', 'grpc_service', 'grpc_method'] as const;

interface CallSeries {
  started(): void;
  received(): void;
  sent(): void;
  handled(code: 'OK' | StatusName): void;
  time(seconds: number): void;
}

export function createRpcMetrics(registry: Registry): Required<RpcObserver> {
  const sides = { server: metricsOf(registry, 'server'), client: metricsOf(registry, 'client') };
  // Looking a series up by its labels costs more than counting does; a call's facts are one object per method.
  const known = new WeakMap<ObservedCall, CallSeries>();
  const seriesOf = (call: ObservedCall): CallSeries => {
    let series = known.get(call);
    if (series === undefined) {
      series = createSeries(sides[call.side], call);
      known.set(call, series);
    }
    return series;
  };
  return {
    started: (call) => seriesOf(call).started(),
    received: (call) => seriesOf(call).received(),
    sent: (call) => seriesOf(call).sent(),
    handled(call, code, seconds) {
      const series = seriesOf(call);
      series.handled(code);
      series.time(seconds);
    },
  };
}

function metricsOf(registry: Registry, side: RpcSide) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `grpc_${side}_${name}`, help, labelNames, registers });
  return {
    started: counter('started_total', `Total number of RPCs started on the ${side}.`, LABELS),
    received: counter('msg_received_total', `Total number of stream messages received on the ${side}.`, LABELS),
    sent: counter('msg_sent_total', `Total number of stream messages sent by the ${side}.`, LABELS),
    handled: counter('handled_total', `Total number of RPCs completed on the ${side}, whatever became of them.`, [
      ...LABELS,
      'grpc_code',
    ] as const),
    handling: new Histogram({
      name: `grpc_${side}_handling_seconds`,
      help: `Time of an RPC on the ${side}, in seconds.`,
      labelNames: LABELS,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
  };
}

function createSeries(metrics: ReturnType<typeof metricsOf>, call: ObservedCall): CallSeries {
  const labels = { grpc_type: call.type, grpc_service: call.service, grpc_method: call.method };
  const started = metrics.started.labels(labels);
  const handling = metrics.handling.labels(labels);
  const byCode = new Map<string, { inc(): void }>();
  return {
    started: () => started.inc(),
    received: () => metrics.received.inc(labels),
    sent: () => metrics.sent.inc(labels),
    handled(code) {
      let counter = byCode.get(code);
      if (counter === undefined) {
        counter = metrics.handled.labels({ ...labels, grpc_code: goCodeName(code) });
        byCode.set(code, counter);
      }
      counter.inc();
    },
    time: (seconds) => handling.observe(seconds),
  };
}
