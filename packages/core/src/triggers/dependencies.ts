import type { SourceHead } from "./sources.ts";
import type { Runtime } from "../runtime.ts";

/** Why an application may not run yet: what it depends on is not as it asks. */
export function waitsFor(
  { application }: Runtime,
  applications: ReadonlyMap<string, Runtime>,
  sources: ReadonlyMap<string, SourceHead>,
): string | undefined {
  for (const { application: name, condition = "healthy" } of application.dependsOn ?? []) {
    const other = applications.get(name);
    if (other === undefined) return `waits for ${name}, which is not there`;
    const { status } = other;
    const well =
      status.lastRun?.outcome === "succeeded" && status.health?.status === "healthy" && status.phase !== "failed";
    if (!well) return `waits for ${name} to be healthy`;
    const latest = sources.get(application.source)?.revision;
    const shares = other.application.source === application.source;
    if (condition === "same-revision" && shares && status.revision?.id !== latest?.id) {
      return `waits for ${name} to be healthy at ${latest?.id.slice(0, 12) ?? "the same revision"}`;
    }
  }
  return undefined;
}

/** Who waits for an application, by its name. */
export function dependentsIn(runtimes: Iterable<Runtime>): ReadonlyMap<string, readonly Runtime[]> {
  const found = new Map<string, Runtime[]>();
  for (const runtime of runtimes) {
    for (const { application: name } of runtime.application.dependsOn ?? []) {
      const waiting = found.get(name);
      if (waiting === undefined) found.set(name, [runtime]);
      else waiting.push(runtime);
    }
  }
  return found;
}
