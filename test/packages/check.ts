/**
 * What would be published, checked as those who install it will find it: every package is built, packed with pnpm,
 * linted, installed beside the others with npm, imported by Node and type-checked. Run by `pnpm check:packages`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkConsumer } from "./consumer.ts";
import { checkContents } from "./contents.ts";
import { install } from "./install.ts";
import { checkTarball } from "./lint.ts";
import { build, pack } from "./pack.ts";

const folder = await mkdtemp(join(tmpdir(), "trueup-packages-"));
try {
  await build();
  const packed = await pack(join(folder, "tarballs"));
  const consumer = join(folder, "consumer");
  await install(consumer, packed);

  const names = packed.map(({ name }) => name);
  const problems = [
    ...(await Promise.all(packed.map(checkTarball))),
    ...(await Promise.all(names.map(async (name) => await checkContents(consumer, name)))),
    await checkConsumer(consumer, names),
  ].flat();
  for (const problem of problems) console.error(problem);
  console.log(`${names.length} packages, ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
