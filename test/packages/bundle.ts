import { glob, mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { follow, sourceOf } from "./contents.ts";
import { root } from "./programs.ts";

/**
 * Joins the modules that the compiler wrote, in each package for itself: a service that starts opens a few files
 * instead of 250, in about half the time (`pnpm bench startup`). What is imported by a call stays a file of its own, and is loaded as late
 * as before; declarations stay as they are.
 */
export async function bundle(): Promise<void> {
  for await (const file of glob("packages/*/package.json", { cwd: root })) await bundlePackage(join(root, file));
}

async function bundlePackage(file: string): Promise<void> {
  const { publishConfig } = JSON.parse(await readFile(file, "utf8")) as {
    readonly publishConfig: { readonly exports: Readonly<Record<string, { readonly default: string }>> };
  };
  const folder = join(file, "..");
  const entries = Object.values(publishConfig.exports).map((entry) => join(folder, entry.default));
  const dist = join(folder, "dist");
  const bundled = join(folder, "bundled");
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [basename(entry, ".js"), entry])),
    external: /^[^./]/, // other packages, TrueUp's too: each is there once
    platform: "node",
  });
  // Names without a digest: the same sources give the same files.
  await build.write({ dir: bundled, format: "esm", entryFileNames: "[name].js", chunkFileNames: "chunks/[name].js" });
  await build.close();
  for await (const compiled of glob("**/*.js", { cwd: dist })) await rm(join(dist, compiled));
  for await (const made of glob("**/*.js", { cwd: bundled })) {
    await mkdir(dirname(join(dist, made)), { recursive: true });
    await rename(join(bundled, made), join(dist, made));
  }
  await rm(bundled, { recursive: true });

  // Declarations of what only code leads to are of no use any more.
  const declarations = await Array.fromAsync(glob("**/*.d.ts", { cwd: dist }));
  const { reached } = await follow(
    dist,
    new Set(declarations),
    entries.map((entry) => basename(entry, ".js") + ".d.ts"),
  );
  for (const file of declarations) if (!reached.has(sourceOf(file))) await rm(join(dist, file));
}
