// What the processes of the crash sweep of hooks do: one run on a directory and a database, with hooks of both kinds.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { createController, type RunResult } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { sqliteStore } from "@trueup/sqlite";
import { memorySource } from "@trueup/testkit";

/** A raw file, and what it is made from: a name, or the beginning of one. */
const file = (metadata: string, hook: string, policy: string): string =>
  `apiVersion: filesystem.trueup.dev/v1\nkind: File\nmetadata:\n  ${metadata}\n  annotations:\n    trueup.dev/hook: ${hook}\n    trueup.dev/hook-delete-policy: ${policy}\nspec:\n  path: hooks/${hook}.txt\n  content: ${hook}\n`;
const config = (value: string, annotations = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  NAME\n  namespace: demo\n${annotations}data:\n  value: ${value}\n`;

const generated = config("job", "  annotations:\n    trueup.dev/hook: pre-sync\n").replace(
  "NAME",
  "generateName: job-",
);
const FILES = {
  "app.yaml": config("one").replace("NAME", "name: app"),
  "job.yaml": generated,
  "file.yaml": file("name: after", "post-sync", "on-success"),
};

/** `directory` has the live system, the store, and a line for each time that the function began and ended. */
export async function runOnce(
  directory: string,
  wrap: <T extends object>(object: T) => T = (object) => object,
): Promise<RunResult> {
  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const target = filesystem({ root: join(directory, "live") });
  const controller = createController({
    sources: { git: memorySource({ files: FILES }) },
    targets: { live: wrap(target) },
    store: wrap(store),
    hooks: { note: async ({ phase }) => await appendFile(join(directory, "ran.txt"), `${phase}\n`) },
    leaseMs: 1_000,
    applications: [
      {
        name: "app",
        source: "git",
        target: "live",
        hooks: [
          { phase: "pre-sync", run: "note", wave: 1 },
          { phase: "post-sync", run: "note", wave: 1 },
        ],
      },
    ],
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
