import { glob, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "./bundle.ts";
import { must, root } from "./programs.ts";

export interface Packed {
  readonly name: string;
  readonly tarball: string;
}

/** Builds every package from nothing, so that no file of an earlier build is published. */
export async function build(): Promise<void> {
  for await (const left of glob("packages/*/{dist,tsconfig.tsbuildinfo}", { cwd: root })) {
    await rm(join(root, left), { recursive: true });
  }
  await must("tsc", ["-b", "tsconfig.build.json"]);
  await bundle();
}

export async function pack(destination: string): Promise<Packed[]> {
  await mkdir(destination, { recursive: true });
  // pnpm and not npm: it fills in workspace versions and publishConfig.
  await must("pnpm", ["--recursive", "--filter", "./packages/*", "pack", "--pack-destination", destination]);
  const packed: Packed[] = [];
  for await (const file of glob("packages/*/package.json", { cwd: root })) {
    const { name, version } = JSON.parse(await readFile(join(root, file), "utf8")) as { name: string; version: string };
    const tarball = join(destination, `${name.slice(1).replace("/", "-")}-${version}.tgz`);
    packed.push({ name, tarball });
  }
  return packed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
