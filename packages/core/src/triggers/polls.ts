import { sleep } from "../apply/call.ts";
import type { Engine } from "../runtime.ts";

export interface PollsOptions {
  readonly engine: Engine;
  /** Milliseconds between two questions to a source; each wait is up to a tenth shorter or longer. */
  readonly intervalMs: number;
  /** Called when a source answered with another revision than before, and once at first. */
  readonly onRevision: (source: string, first: boolean) => Promise<void>;
}

/** Asks every source what is current: at once, then at intervals, and whenever it is woken. */
export interface Polls {
  start(signal: AbortSignal): void;
  /** Asks now; resolves when the answer was dealt with. Throws what the source throws. */
  ask(source: string): Promise<void>;
  stop(): Promise<void>;
}

export function createPolls({ engine, intervalMs, onRevision }: PollsOptions): Polls {
  const known = new Map<string, string>();
  let loops: Promise<void>[] = [];
  const unwatch: (() => void)[] = [];

  const asking = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();

  /** One question at a time; whoever asks during one gets the next: the answer under way may be from before. */
  function ask(name: string): Promise<void> {
    const running = asking.get(name);
    if (running === undefined) {
      const question = askOnce(name).finally(() => asking.delete(name));
      asking.set(name, question);
      return question;
    }
    let after = next.get(name);
    if (after === undefined) {
      const again = (): Promise<void> => {
        next.delete(name);
        return ask(name);
      };
      after = running.then(again, again);
      next.set(name, after);
    }
    return after;
  }

  async function askOnce(name: string): Promise<void> {
    const source = engine.sources.get(name);
    if (source === undefined) return;
    const revision = await source.resolve();
    const before = known.get(name);
    if (before === revision.id) return;
    await onRevision(name, before === undefined);
    known.set(name, revision.id);
  }

  async function loop(name: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The source said why it failed, as an event; the next turn asks again.
      await ask(name).catch(() => {});
      await sleep(intervalMs * (0.9 + 0.2 * Math.random()), signal);
    }
  }

  return {
    ask,
    start(signal) {
      for (const [name, source] of engine.sources) {
        const woken = source.watch(() => void ask(name).catch(() => {}));
        if (woken !== undefined) unwatch.push(woken);
        loops.push(loop(name, signal));
      }
    },
    async stop() {
      for (const end of unwatch.splice(0)) end();
      await Promise.all(loops);
      loops = [];
    },
  };
}
