import { readFile } from "node:fs/promises";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Packed } from "./pack.ts";
import { program } from "./programs.ts";

/** What publint and attw say of a tarball. */
export async function checkTarball(packed: Packed): Promise<string[]> {
  return [...(await published(packed)), ...(await typed(packed))];
}

async function published({ name, tarball }: Packed): Promise<string[]> {
  const { buffer } = new Uint8Array(await readFile(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
  return messages.map((message) => `${name}: publint: ${formatMessage(message, pkg, { color: false })}`);
}

async function typed({ name, tarball }: Packed): Promise<string[]> {
  const options = ["--profile", "esm-only", "--no-definitely-typed", "--format", "ascii", "--no-summary"];
  const { ok, output } = await program("attw", [...options, tarball]);
  return ok ? [] : [`${name}: attw:\n${output}`];
}
