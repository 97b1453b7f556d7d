import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type Row } from "./bench.ts";

export const name = "startup";

/** What embedding adds to a service's start: the packages are imported and a controller is made, in a fresh process each time. */
export async function run(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "trueup-bench-"));
  const nothing = "process.stdout.write('0 ' + performance.now())";
  const embedded = `
    const from = performance.now();
    const [{ createController }, { git }, { filesystem }, { sqliteStore }] = await Promise.all([
      import("@trueup/core"), import("@trueup/git"), import("@trueup/filesystem"), import("@trueup/sqlite")]);
    const store = sqliteStore({ path: process.env.STORE });
    createController({
      sources: { repo: git({ url: "https://git.example.org/shop.git", ref: "refs/heads/main" }) },
      targets: { live: filesystem({ root: "/nowhere" }) },
      store,
      applications: [{ name: "shop", source: "repo", target: "live" }],
    });
    const took = performance.now() - from;
    process.stdout.write(took + " " + performance.now());`;
  const measure = (program: string): readonly [number, number] => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: import.meta.dirname,
      env: { ...process.env, STORE: join(directory, "store.sqlite") },
      encoding: "utf8",
    });
    const [took = Number.NaN, whole = Number.NaN] = stdout.split(" ").map(Number);
    if (status !== 0) throw new Error(stderr);
    return [took, whole];
  };
  const adds = Array.from({ length: 11 }, () => measure(embedded)[0]);
  const bare = Array.from({ length: 11 }, () => measure(nothing)[1]);
  rmSync(directory, { recursive: true });
  return [
    {
      what: "embedding adds to a start (median of 11)",
      value: median(adds),
      unit: "ms",
      limit: 100,
      note: `Node itself ${median(bare).toFixed(0)} ms; from TypeScript sources, stripped at each start`,
    },
  ];
}
