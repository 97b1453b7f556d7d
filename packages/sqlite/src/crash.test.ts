// fault 36, the store's part: a process that is killed while it writes loses nothing it was told is written, and leaves nothing half.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "@trueup/spec";
import { expect, it } from "vitest";
import { sqliteStore } from "./sqlite-store.ts";

const KILLS = 25;
const ROWS = 40;

/** Write after write, each reported once it has returned. Write n puts n into all rows and the state, adds an entry, and hands one key over. */
const writer = (path: string, attempt: number): string => `
  const { sqliteStore } = await import(${JSON.stringify(import.meta.resolve("./sqlite-store.ts"))});
  const { writeSync } = await import("node:fs");
  const store = sqliteStore({ path: ${JSON.stringify(path)} });
  const [one, two] = ["one-${attempt}", "two-${attempt}"];
  const [a, b] = [await store.claim(one, "child", 60_000), await store.claim(two, "child", 60_000)];
  const track = (name, wave) => ({ type: "track", tracked: { key: "t//K//" + name + "-${attempt}", apiVersion: "v1", dependsOn: [], wave } });
  const untrack = (name) => ({ type: "untrack", key: "t//K//" + name + "-${attempt}" });
  for (let n = 1; ; n++) {
    const history = { type: "history", entry: { run: String(n), startedAt: n, finishedAt: n, trigger: "t", outcome: "succeeded", changes: [] } };
    const rows = Array.from({ length: ${ROWS} }, (_, i) => track("row-" + i, n));
    const [from, to] = n % 2 === 0 ? [b, a] : [a, b];
    await store.write([
      { application: to.application, lease: to, rows: [track("moving", n)] },
      { application: from.application, lease: from, rows: [untrack("moving")] },
      { application: one, lease: a, rows: [...rows, { type: "state", state: { inputs: String(n) } }, history] },
    ]);
    writeSync(1, n + "\\n");
  }`;

/** The last write the child was told is done, once it was killed somewhere after its first. */
async function writeUntilKilled(path: string, attempt: number): Promise<number> {
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", writer(path, attempt)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const started = Promise.withResolvers<void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    started.resolve();
  });
  const closed = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, signal) => resolve(signal)));
  await Promise.race([started.promise, closed]);
  await sleep(Math.random() * 60);
  child.kill("SIGKILL");
  expect(await closed).toBe("SIGKILL");
  return Number(output.trimEnd().split("\n").at(-1));
}

async function wavesOf(store: Store, application: string): Promise<Record<string, number | undefined>> {
  const { inventory } = await store.read(application);
  return Object.fromEntries(Array.from(inventory.values(), ({ key, wave }) => [key, wave]));
}

it(
  `killed ${KILLS} times while it writes: everything reported is there, nothing is half there`,
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "trueup-crash-"));
    const path = join(folder, "store.db");
    const total = { writes: 0, unreported: 0 };
    try {
      for (let attempt = 0; attempt < KILLS; attempt++) {
        const reported = await writeUntilKilled(path, attempt);
        const store = sqliteStore({ path });
        const [one, two] = [`one-${attempt}`, `two-${attempt}`];
        const last = Number((await store.read(one)).state.inputs);
        // One write may have been done and not yet reported.
        expect([reported, reported + 1]).toContain(last);
        const expected = Object.fromEntries(
          Array.from({ length: ROWS }, (_, i) => [`t//K//row-${i}-${attempt}`, last]),
        );
        const moving = { [`t//K//moving-${attempt}`]: last };
        expect(await wavesOf(store, one)).toEqual(last % 2 === 0 ? { ...expected, ...moving } : expected);
        expect(await wavesOf(store, two)).toEqual(last % 2 === 0 ? {} : moving);
        const runs: string[] = [];
        for await (const entry of store.history({ application: one, limit: Infinity })) runs.push(entry.run);
        expect(runs).toEqual(Array.from({ length: last }, (_, i) => String(last - i)));
        await store.close?.();
        total.writes += last;
        total.unreported += last - reported;
      }
      const raw = new DatabaseSync(path);
      expect(raw.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
      raw.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
    console.info(
      `killed ${KILLS} times in ${total.writes} writes; ${total.unreported} were on disk and not yet reported`,
    );
  },
);
