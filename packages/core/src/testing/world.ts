import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import type { Application, HistoryEntry, Store } from "@trueup/spec";
import { afterEach } from "vitest";
import { createController, type Controller, type ControllerOptions } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";

/** A ConfigMap in namespace `demo`; `extra` is more lines of its metadata. */
export const config = (name: string, value: string, extra = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\n${extra}data:\n  value: ${value}\n`;

export const annotated = (name: string, value: string, annotations: Readonly<Record<string, string>>): string => {
  const lines = Object.entries(annotations).map(([field, text]) => `    ${field}: ${JSON.stringify(text)}\n`);
  return config(name, value, `  annotations:\n${lines.join("")}`);
};

export interface World {
  readonly source: MemorySource;
  readonly target: MemoryTarget;
  readonly store: Store;
  readonly controller: Controller;
  readonly events: ControllerEvent[];
}

const open: Controller[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (controller) => await controller.stop()));
});

/** A controller of one application, `web`, from a source in memory to a target in memory. Stopped after the test. */
export function world(
  files: Record<string, string>,
  application: Partial<Application> = {},
  more: Partial<ControllerOptions> & { target?: MemoryTarget; source?: MemorySource } = {},
): World {
  const source = more.source ?? memorySource({ files });
  const target = more.target ?? memoryTarget();
  const store = more.store ?? memoryStore();
  const controller: Controller = createController<string, string>({
    pollMs: 3_600_000,
    ...more,
    sources: { repo: source },
    targets: { live: target },
    store,
    applications: [{ name: "web", source: "repo", target: "live", ...application }],
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  open.push(controller);
  return { source, target, store, controller, events };
}

/** What stands in the target. */
export const names = (target: MemoryTarget): string[] =>
  target
    .objects()
    .map((o) => o.metadata.name)
    .toSorted();
export async function history(controller: Controller): Promise<HistoryEntry[]> {
  return await Array.fromAsync(controller.history());
}
export async function until(check: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within 2 s: ${what}`);
}
