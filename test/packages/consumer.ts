import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { program, root } from "./programs.ts";

/** Both ways in which those who use the packages resolve modules. */
const RESOLUTIONS = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" },
];

/** Those that need nothing else installed: what is published does its work, and not only loads. */
const EXAMPLES = ["demo", "embed", "kustomize", "promote", "app-of-apps"];

/** Whether a project that has installed the packages can import all of them, in Node and in TypeScript, and work with them. */
export async function checkConsumer(folder: string, names: readonly string[]): Promise<string[]> {
  const imports = names.map((name, index) => `import * as p${index} from "${name}";\n`).join("");
  const used = names.map((name, index) => `  [${JSON.stringify(name)}, Object.keys(p${index}).length],\n`).join("");
  const check = `for (const [name, length] of all) if (length === 0) throw new Error(name + " exports nothing");\n`;
  await writeFile(join(folder, "consumer.ts"), `${imports}const all: [string, number][] = [\n${used}];\n${check}`);

  const problems: string[] = [];
  const imported = await program("node", ["consumer.ts"], folder);
  if (!imported.ok) problems.push(`imported by Node:\n${imported.output}`);
  await cp(join(root, "examples"), join(folder, "examples"), {
    recursive: true,
    filter: (path) => !path.includes("node_modules"),
  });
  for (const example of EXAMPLES) {
    const ran = await program("node", [`examples/${example}/main.ts`], folder);
    if (!ran.ok) problems.push(`examples/${example}:\n${ran.output}`);
  }
  for (const resolution of RESOLUTIONS) {
    const compilerOptions = {
      ...resolution,
      strict: true,
      noEmit: true,
      target: "es2023",
      // What is published must check by itself; a consumer of Node's types has them.
      skipLibCheck: false,
      typeRoots: [join(root, "node_modules/@types")],
      types: ["node"],
    };
    const config = `tsconfig.${resolution.moduleResolution}.json`;
    await writeFile(join(folder, config), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const checked = await program("tsc", ["-p", config], folder);
    if (!checked.ok) problems.push(`checked with module resolution ${resolution.moduleResolution}:\n${checked.output}`);
  }
  return problems;
}
