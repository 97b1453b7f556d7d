// `node test/kustomize/update-cases.ts`: writes what the reference prints below each case of `cases/`, and says where it does not agree.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readCases } from "./case-file.ts";
import { referenceBinary, referenceBuild } from "./differential/reference.ts";

const binary = await referenceBinary();
for (const { name, file, files, dir, expected } of readCases()) {
  const folder = mkdtempSync(join(tmpdir(), "kustomize-case-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const built = await referenceBuild(binary, join(folder, dir));
  rmSync(folder, { recursive: true });
  if ("error" in expected) {
    if ("yaml" in built) console.log(`${name}: the reference builds it`);
    continue;
  }
  if ("error" in built) {
    console.log(`${name}: the reference refuses it: ${built.error.trim()}`);
    continue;
  }
  const text = readFileSync(file, "utf8");
  const title = `-- build: ${dir} --\n`;
  const head = text.slice(0, text.indexOf(title) + title.length);
  if (head + built.yaml !== text) {
    writeFileSync(file, head + built.yaml);
    console.log(`${name}: written`);
  }
}
