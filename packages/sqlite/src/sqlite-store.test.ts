import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeCases } from "@trueup/testkit";
import { describe, it } from "vitest";
import { sqliteStore } from "./sqlite-store.ts";

describe("conformance", () => {
  const cases = storeCases({
    durable: true,
    async create() {
      const folder = await mkdtemp(join(tmpdir(), "trueup-sqlite-"));
      return {
        open: async () => sqliteStore({ path: join(folder, "store.db") }),
        dispose: () => rm(folder, { recursive: true }),
      };
    },
  });
  for (const { name, run } of cases) it(name, run);
});
