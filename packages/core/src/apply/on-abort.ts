interface Listening {
  readonly listeners: Set<() => void>;
  readonly fire: () => void;
}

const known = new WeakMap<AbortSignal, Listening>();

/**
 * Calls back when the signal fires, which it has not yet; the answer takes the listener off. A signal has one listener for
 * all of them: thousands of calls share that of their run, and one for each costs more than its timer. It has none where
 * nobody listens, since a signal that is made of others is kept for as long as it has.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listening = known.get(signal) ?? listen(signal);
  const { listeners, fire } = listening;
  // A function of its own, as the same one may be given twice.
  const own = (): void => listener();
  listeners.add(own);
  return () => {
    if (!listeners.delete(own) || listeners.size > 0) return;
    signal.removeEventListener("abort", fire);
    known.delete(signal);
  };
}

function listen(signal: AbortSignal): Listening {
  const listeners = new Set<() => void>();
  const fire = (): void => {
    for (const listener of listeners) listener();
  };
  const listening = { listeners, fire };
  known.set(signal, listening);
  signal.addEventListener("abort", fire, { once: true });
  return listening;
}
