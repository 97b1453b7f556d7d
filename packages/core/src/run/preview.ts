import type { RenderedApplication } from "../render/render.ts";
import { takeRecord, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";
import { renderRun } from "./render-run.ts";
import { resolve, type Resolved } from "./resolve.ts";

/** Looks at what a run would find, without a lease and without writing: for a plan or a report. */
export async function preview<T>(
  engine: Engine,
  runtime: Runtime,
  signal: AbortSignal,
  look: (engine: Engine, runtime: Runtime, resolved: Resolved, rendered: RenderedApplication | undefined) => Promise<T>,
): Promise<T> {
  return await runtime.mutex.run(async () => {
    const stored = await engine.store.read(runtime.application.name);
    // Another controller may have had it since: what is in memory is not asked.
    takeRecord(runtime, stored, runtime.record?.token ?? UNCLAIMED);
    const resolved = await resolve(engine, runtime, "manual", signal);
    try {
      return await look(engine, runtime, resolved, await renderRun(engine, runtime, resolved, signal));
    } finally {
      resolved.opened.release();
    }
  });
}
