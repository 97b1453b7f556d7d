import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Packed } from "./pack.ts";
import { must } from "./programs.ts";

/** A project of somebody else's with all packages, installed with npm. Their dependencies come from the registry. */
export async function install(folder: string, packed: readonly Packed[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  await must("npm", ["install", ...options, ...packed.map(({ tarball }) => tarball)], folder);
}
