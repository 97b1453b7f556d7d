import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startVitest } from "vitest/node";
import { reporter } from "./reporter.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trueup-reporter-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** What the reporter says of a run of these files, each by its name without `.test.js`. */
async function report(
  files: Record<string, string>,
  options: { testNamePattern?: string } = {},
): Promise<{ printed: string; counts: string }> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.test.js`), text);
  const printed: string[] = [];
  const countsFile = join(folder, "counts");
  const exitCode = process.exitCode;
  const vitest = await startVitest("test", [], {
    root: folder,
    config: false,
    watch: false,
    globals: true,
    maxWorkers: 1,
    ...options,
    reporters: [reporter({ countsFile, print: (text) => printed.push(text) })],
  });
  await vitest.close();
  process.exitCode = exitCode; // startVitest sets it for a run that failed
  return { printed: printed.join("\n"), counts: await readFile(countsFile, "utf8") };
}

it("says nothing of a run without skipped tests but the counts", async () => {
  expect(await report({ a: `it("one", () => {}); it("two", () => {});` })).toEqual({
    printed: "",
    counts: "2 passed, 0 failed, 0 skipped\n",
  });
});

it("names each reason once, with the files and how many tests it kept from running", async () => {
  const { printed, counts } = await report({
    a: `it("one", ({ skip }) => skip("go is not on this machine"));
        it("two", ({ skip }) => skip("go is not on this machine"));
        it("three", ({ skip }) => skip("no network"));`,
    b: `it("one", ({ skip }) => skip("go is not on this machine")); it.skip("two", () => {}); it("three", () => {});`,
  });
  expect(counts).toBe("1 passed, 0 failed, 5 skipped\n");
  const lines = printed.split("\n").filter((line) => line !== "");
  expect(lines).toHaveLength(8);
  expect(lines[0]).toBe(" Skipped");
  const reasons = Map.groupBy(lines.slice(1).entries(), ([, line]) => /^ {3}\S/.test(line));
  expect(
    reasons
      .get(true)
      ?.map(([, line]) => line.trim())
      .toSorted(),
  ).toEqual(["go is not on this machine", "no network", "no reason given (say one: skip(reason))"]);
  expect(printed).toMatch(/ {3}go is not on this machine\n( {5}.*\n)* {5}a\.test\.js \(2 tests\)/);
  expect(printed).toMatch(/ {3}go is not on this machine\n( {5}.*\n)* {5}b\.test\.js \(1 test\)/);
});

it("is silent about tests that a name pattern leaves out", async () => {
  const files = { a: `it("one", () => {}); it("two", () => {}); it("one more", ({ skip }) => skip("no network"));` };
  const { printed, counts } = await report(files, { testNamePattern: "one" });
  expect(counts).toBe("1 passed, 0 failed, 2 skipped\n");
  expect(printed).toBe("\n Skipped\n   no network\n     a.test.js (1 test)");
});

it.each([
  ["a test", `it("one", () => expect(1).toBe(2)); it("two", () => {});`, "1 passed, 1 failed, 0 skipped\n"],
  ["a file that cannot be loaded", `it("one", () => {}); throw new Error("no");`, "0 passed, 1 failed, 0 skipped\n"],
  ["beforeAll", `beforeAll(() => { throw new Error("no"); }); it("one", () => {});`, "0 passed, 1 failed, 1 skipped\n"],
  [
    "beforeAll of a suite",
    `it("one", () => {}); describe("s", () => { beforeAll(() => { throw new Error("no"); }); it("two", () => {}); });`,
    "1 passed, 1 failed, 1 skipped\n",
  ],
  ["afterAll", `afterAll(() => { throw new Error("no"); }); it("one", () => {});`, "1 passed, 1 failed, 0 skipped\n"],
  [
    "what nobody caught",
    `it("one", async () => { void Promise.reject(new Error("no")); await new Promise((done) => setTimeout(done, 20)); });`,
    "1 passed, 1 failed, 0 skipped\n",
  ],
  ["nothing to run", "", "0 passed, 1 failed, 0 skipped\n"],
])("counts a failure of %s", async (_, text, counts) => {
  expect(await report({ a: text })).toEqual({ printed: "", counts });
});
