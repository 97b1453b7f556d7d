import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { keyOf, type Mask, type RowChange } from "@trueup/spec";
import { storeCases } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { sqliteStore } from "./sqlite-store.ts";

describe("conformance", () => {
  const cases = storeCases({
    durable: true,
    prunes: true,
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

async function withStore(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "trueup-sqlite-"));
  try {
    await body(join(folder, "store.db"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function track(name: string, mask?: Mask): RowChange {
  const key = keyOf({ target: "t", group: "", kind: "K", namespace: "", name });
  return { type: "track", tracked: { key, apiVersion: "v1", dependsOn: [], ...(mask && { mask }) } };
}

const shape = (): Mask => ({ fields: { spec: true } });

describe("sqliteStore", () => {
  it.each([-1, 1.5, Number.NaN, Infinity])("refuses a busy timeout of %d", async (busyTimeoutMs) => {
    await withStore(async (path) => {
      expect(() => sqliteStore({ path, busyTimeoutMs })).toThrow(
        expect.objectContaining({
          code: "INVALID",
          message: `busyTimeoutMs must be a whole number from 0, not ${busyTimeoutMs}`,
        }),
      );
      expect(existsSync(path)).toBe(false);
    });
  });

  it("closes the file where it lacks what its version should have", async () => {
    await withStore(async (path) => {
      await sqliteStore({ path }).close?.();
      const raw = new DatabaseSync(path);
      raw.exec("DROP TABLE setting");
      raw.close();
      expect(() => sqliteStore({ path })).toThrow(
        expect.objectContaining({ code: "INTERNAL", message: `${path}: SQLite failed (no such table: setting)` }),
      );
      expect(existsSync(`${path}-wal`), "the last handle takes the log along").toBe(false);
    });
  });

  it("reads equal masks as one object", async () => {
    await withStore(async (path) => {
      const store = sqliteStore({ path, busyTimeoutMs: 0 });
      const lease = (await store.claim("web", "test", 60_000))!;
      await store.write([
        { application: "web", lease, rows: [track("a", shape()), track("b", shape()), track("c", true), track("d")] },
      ]);
      const rows = [...(await store.read("web")).inventory.values()];
      expect(rows.map(({ mask }) => mask)).toEqual([shape(), shape(), true, undefined]);
      expect(rows[0]!.mask).toBe(rows[1]!.mask);
      expect(rows.map((row) => "mask" in row)).toEqual([true, true, true, false]);
      await store.close?.();
    });
  });

  it("reports damage where it is met, and keeps what was written", async () => {
    await withStore(async (path) => {
      const store = sqliteStore({ path });
      for (let i = 0; i < 200; i++) await store.settings.set(`name ${i}`, "x".repeat(500));
      await store.close?.();
      const bytes = await readFile(path);
      bytes.fill(0xff, bytes.length - 8_192);
      await writeFile(path, bytes);
      const damaged = sqliteStore({ path });
      const reads = Array.from({ length: 200 }, (_, i) => damaged.settings.get(`name ${i}`));
      const errors = (await Promise.allSettled(reads)).filter(({ status }) => status === "rejected");
      expect(errors.length).toBeGreaterThan(0);
      expect(errors[0]).toMatchObject({ reason: { name: "TrueUpError", code: "INVALID" } });
      await damaged.close?.();
    });
  });
});
