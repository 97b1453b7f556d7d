import type { Lease, Source, Store, Target, WatchEvent } from "@trueup/spec";

/** Milliseconds that a call may take each way. */
const LATENCY_MS = 12;

/** What a controller runs in: it can die in the middle of a call, and be cut off from all answers for a while. */
export interface Process {
  readonly alive: boolean;
  /** Dies at its nth call from now. */
  crashIn(calls: number, when: "before" | "after"): void;
  /** At once; what it has sent may still arrive. */
  kill(): void;
  disarm(): void;
  /** No answer reaches it until `thaw`. */
  freeze(): void;
  thaw(): void;
  store(store: Store): Store;
  target(target: Target): Target;
  source(source: Source): Source;
}

export interface ProcessOptions {
  readonly random: () => number;
  /** Told once, when it dies. */
  readonly onDeath: () => void;
}

const never = new Promise<never>(() => {});

export function createProcess({ random, onDeath }: ProcessOptions): Process {
  let alive = true;
  let crash: { calls: number; when: "before" | "after" } | undefined;
  let frozen: { until: Promise<void>; end: () => void } | undefined;

  const latency = async (): Promise<void> => {
    await new Promise<void>((resolve) => void setTimeout(resolve, Math.floor(random() * LATENCY_MS)));
  };
  const thaw = (): void => {
    frozen?.end();
    frozen = undefined;
  };
  function die(): Promise<never> {
    if (alive) {
      alive = false;
      onDeath();
    }
    return never;
  }

  /** One call to the world outside: it goes, has its effect, and the answer comes; each may be the last thing that happens. */
  async function outside<T>(call: () => Promise<T>): Promise<T> {
    if (!alive) return await never;
    const last = crash !== undefined && --crash.calls === 0 ? crash.when : undefined;
    if (last === "before") return await die();
    await latency();
    const answer = await call().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (last === "after" || !alive) return await die();
    await latency();
    while (frozen !== undefined) await frozen.until;
    if (!alive) return await never;
    if ("error" in answer) throw answer.error;
    return answer.value;
  }

  const leaseOf = (lease: Lease): Lease => ({
    ...lease,
    renew: async () => await outside(async () => await lease.renew()),
    release: async () => await outside(async () => await lease.release()),
  });

  return {
    get alive() {
      return alive;
    },
    crashIn: (calls, when) => void (crash = { calls, when }),
    kill: () => void die(),
    disarm: () => void (crash = undefined),
    freeze() {
      let end = (): void => {};
      frozen ??= { until: new Promise<void>((resolve) => (end = resolve)), end: () => end() };
    },
    thaw,
    store: (store) => ({
      ...store,
      async claim(...args) {
        const lease = await outside(async () => await store.claim(...args));
        return lease && leaseOf(lease);
      },
      read: async (...args) => await outside(async () => await store.read(...args)),
      write: async (...args) => await outside(async () => await store.write(...args)),
      settings: {
        get: async (...args) => await outside(async () => await store.settings.get(...args)),
        set: async (...args) => await outside(async () => await store.settings.set(...args)),
        init: async (...args) => await outside(async () => await store.settings.init(...args)),
      },
    }),
    target(target) {
      const watch = target.watch?.bind(target);
      return {
        ...target,
        observe: async (...args) => await outside(async () => await target.observe(...args)),
        apply: async (...args) => await outside(async () => await target.apply(...args)),
        delete: async (...args) => await outside(async () => await target.delete(...args)),
        ...(watch && {
          async watch(scope, listener) {
            // In order, and not before it is thawed.
            let tail: Promise<void> = Promise.resolve();
            const heard = (event: WatchEvent): void => {
              tail = tail.then(async () => {
                while (frozen !== undefined) await frozen.until;
                if (alive) listener(event);
              });
            };
            return await watch(scope, heard);
          },
        }),
      };
    },
    source(source) {
      const watch = source.watch?.bind(source);
      return {
        ...source,
        resolve: async (...args) => await outside(async () => await source.resolve(...args)),
        open: async (...args) => await outside(async () => await source.open(...args)),
        ...(watch && { watch: (listener) => watch(() => void (alive && frozen === undefined && listener())) }),
      };
    },
  };
}
