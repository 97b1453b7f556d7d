// What the processes of the crash sweep do: one run, from the first revision or the second, on a directory and a database.
import { join } from "node:path";
import { createController, type RunResult } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { sqliteStore } from "@trueup/sqlite";
import { memorySource } from "@trueup/testkit";

const config = (name: string, value: string, annotations = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\n${annotations}data:\n  value: ${value}\n`;
const after = (name: string): string => `  annotations:\n    trueup.dev/depends-on: ConfigMap/${name}\n`;
const raw = (name: string, content: string): string =>
  `apiVersion: filesystem.trueup.dev/v1\nkind: File\nmetadata:\n  name: ${name}\nspec:\n  path: raw/${name}.txt\n  content: ${content}\n`;

const FIRST = {
  "kept.yaml": config("kept", "same"),
  "changed.yaml": config("changed", "one"),
  "left.yaml": config("left", "one"),
  "raw-left.yaml": raw("left", "old"),
  "raw-changed.yaml": raw("changed", "old"),
};
const SECOND = {
  "kept.yaml": config("kept", "same"),
  "changed.yaml": config("changed", "two"),
  "new.yaml": config("new", "two", after("later")),
  "later.yaml": config("later", "two"),
  "raw-changed.yaml": raw("changed", "new"),
  "raw-new.yaml": raw("new", "new"),
};

export interface Place {
  readonly live: string;
  readonly database: string;
}
export const placeIn = (directory: string): Place => ({
  live: join(directory, "live"),
  database: join(directory, "store.sqlite"),
});

/** Runs until the run is not held up by the lease of a process that died. */
export async function runOnce(
  place: Place,
  revision: "first" | "second" | "reverted",
  wrap: <T extends object>(object: T) => T = (object) => object,
): Promise<RunResult> {
  const source = memorySource({ files: FIRST });
  if (revision !== "first") source.replace(SECOND);
  if (revision === "reverted") source.replace(FIRST);
  const store = sqliteStore({ path: place.database });
  const target = filesystem({ root: place.live });
  const controller = createController({
    sources: { git: source },
    targets: { live: wrap(target) },
    store: wrap(store),
    leaseMs: 1_000,
    applications: [{ name: "app", source: "git", target: "live", concurrency: 2 }],
  });
  try {
    for (;;) {
      const result = await controller.sync("app");
      if (result.outcome !== "elsewhere") return result;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await controller.stop();
    await target.close?.();
    await store.close?.();
  }
}
