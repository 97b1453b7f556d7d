// Several processes on one file. Apart from the other tests, as a child process is no part of what runs here.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openDatabase } from "./database.ts";
import { sqliteStore } from "./sqlite-store.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "trueup-processes-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const run = async (program: string): Promise<string> =>
  (await promisify(execFile)(process.execPath, ["--no-warnings", "--input-type=module", "-e", program])).stdout;

it("open it at once, though none of them has made it yet", { timeout: 30_000 }, async () => {
  const child = async (path: string, at: number): Promise<void> => {
    await run(`
      const { openDatabase } = await import(${JSON.stringify(import.meta.resolve("./database.ts"))});
      while (Date.now() < ${at});
      const db = openDatabase(${JSON.stringify(path)}, 10_000);
      db.transaction(() => db.prepare("INSERT INTO setting (name, value) VALUES (?, '1')").run(String(process.pid)));
      db.close();`);
  };
  for (let round = 0; round < 4; round++) {
    const path = join(folder, `${round}.db`);
    const at = Date.now() + 800;
    await Promise.all(Array.from({ length: 5 }, () => child(path, at)));
    const db = openDatabase(path, 100);
    expect(db.prepare("SELECT count(*) AS written FROM setting").get()).toEqual({ written: 5 });
    db.close();
  }
});

it(
  "keep each other out by leases, which are free once their holder is killed and they end",
  {
    timeout: 20_000,
  },
  async () => {
    const path = join(folder, "store.db");
    const store = sqliteStore({ path });
    const child = async (body: string): Promise<string> =>
      await run(`
      const { sqliteStore } = await import(${JSON.stringify(import.meta.resolve("./sqlite-store.ts"))});
      const store = sqliteStore({ path: ${JSON.stringify(path)} });
      ${body}`);
    const held = await store.claim("web", "parent", 60_000);
    const attempt = `const lease = await store.claim("web", "child", 60_000); console.log(lease?.token)`;
    expect(await child(attempt)).toBe("undefined\n");
    await held!.release();
    const killed = child(`await store.claim("web", "child", 1_500); process.kill(process.pid, "SIGKILL")`);
    await expect(killed).rejects.toMatchObject({ signal: "SIGKILL" });
    expect(await store.claim("web", "parent", 60_000)).toBeUndefined();
    await vi.waitFor(async () => expect(await store.claim("web", "parent", 60_000)).toMatchObject({ token: 3 }), {
      timeout: 3_000,
    });
    await store.close?.();
  },
);
