import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Packages that a program has loaded, of those that take long to load. */
const LOADED = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({ load(url, context, next) { for (const name of ["ajv", "re2js", "js-yaml"]) if (url.includes("/" + name + "/")) loaded.add(name); return next(url, context); } });
const { parseManifests, schemas } = await import("@trueup/manifest");
const { documents } = parseManifests("apiVersion: v1\\nkind: A\\nmetadata: {name: a}\\n", { file: "f" });
await schemas().validate(documents);
const before = [...loaded];
await schemas({ kinds: [{ group: "", kind: "A", schema: {} }] }).validate(documents);
console.log(JSON.stringify([before, [...loaded].toSorted()]));
`;

it("ajv and re2js are loaded when the first object has a schema, not before", async () => {
  const args = ["--input-type=module", "-e", LOADED];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  expect(JSON.parse(stdout)).toEqual([["js-yaml"], ["ajv", "js-yaml", "re2js"]]);
});
