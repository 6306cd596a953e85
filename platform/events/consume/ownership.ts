// Keeps a lease for the runners of a service: beats, looks whether it came free, and tells when it changed hands. One
// ownership may serve all runners of a service, so that a resting process beats once a second and no more.
import type { Logger } from '../../service/index.ts';
import { BEAT_EVERY_MS, type Lease } from '../log/index.ts';

export interface Ownership {
  /** Name of the lease's row. */
  readonly name: string;
  /** The epoch under which this process owns it, as far as it knows; whatever it writes checks it again. */
  epoch(): bigint | undefined;
  /** Asks at once whether it is still ours, after a write was refused. It never rejects. */
  verify(): Promise<void>;
  /** Calls the listener when it was gained or lost. @returns how to stop. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export function createOwnership(options: { name: string; lease: Lease; log: Logger }): Ownership {
  const { name, lease, log } = options;
  const listeners = new Set<() => void>();
  let known: bigint | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let holding: Promise<void> = Promise.resolve();

  const tell = (): void => {
    if (known === lease.epoch) return;
    known = lease.epoch;
    for (const listener of listeners) listener();
  };
  const hold = async (): Promise<void> => {
    try {
      await lease.hold();
    } catch (error) {
      log.debug({ lease: name, error: String(error) }, 'The lease could not be asked for; it is tried again.');
    }
    if (closed) return;
    tell();
    clearTimeout(timer);
    timer = setTimeout(next, BEAT_EVERY_MS);
  };
  const next = (): void => {
    clearTimeout(timer);
    holding = holding.then(() => (closed ? undefined : hold()));
  };
  next();

  return {
    name,
    epoch: () => lease.epoch,
    async verify() {
      if (!closed) next();
      await holding;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await holding;
      await lease.release().catch(() => {});
    },
  };
}
