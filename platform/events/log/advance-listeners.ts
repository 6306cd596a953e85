// Who wants to know that a log has advanced. A listener that throws is a bug of its own and stops nobody else.

export interface AdvanceListeners {
  onAdvance(listener: () => void): () => void;
  notify(): void;
}

export function createAdvanceListeners(): AdvanceListeners {
  const listeners = new Set<() => void>();
  return {
    onAdvance(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    notify() {
      for (const listener of listeners) queueMicrotask(listener);
    },
  };
}
