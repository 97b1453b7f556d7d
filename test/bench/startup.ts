import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install } from "../packages/install.ts";
import { build, pack } from "../packages/pack.ts";
import { median, type Row } from "./bench.ts";

export const name = "startup";

const EMBEDDED = ["core", "git", "filesystem", "sqlite", "spec", "manifest", "diff"];

const SERVICE = `
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
  process.stdout.write(performance.now() - from + " " + performance.now());`;

/**
 * What embedding adds to a service's start: the packages, built and installed as they would be published, are imported
 * and a controller is made, in a fresh process each time.
 */
export async function run(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "trueup-bench-"));
  try {
    await build();
    const packed = await pack(join(directory, "tarballs"));
    await install(
      directory,
      packed.filter(({ name }) => EMBEDDED.some((one) => name === `@trueup/${one}`)),
    );
    const measure = (program: string): readonly [number, number] => {
      const file = join(directory, "service.mjs");
      writeFileSync(file, program);
      const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
        cwd: directory,
        env: { ...process.env, STORE: join(directory, "store.sqlite") },
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(stderr);
      const [took = Number.NaN, whole = Number.NaN] = stdout.split(" ").map(Number);
      return [took, whole];
    };
    const adds = Array.from({ length: 11 }, () => measure(SERVICE)[0]);
    const bare = Array.from({ length: 11 }, () => measure("process.stdout.write('0 ' + performance.now())")[1]);
    return [
      {
        what: "embedding adds to a start (median of 11)",
        value: median(adds),
        unit: "ms",
        limit: 100,
        note: `Node itself ${median(bare).toFixed(0)} ms; packages as they would be published`,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
