// The same documents through a real kubectl: what it reads, what it refuses, and what it writes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emitYaml, parseManifests, parseYaml } from "@trueup/manifest";
import type { Json, Manifest } from "@trueup/spec";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { binaries } from "../servers/binaries.ts";
import { run } from "../servers/run.ts";

const HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";

/** Bodies that both read, each the fields of an object. */
const READ = [
  // numbers
  "a: 0644\nb: 0o17\nc: 0x1F\nd: 0b101\ne: -010\nf: 08\ng: 1_000\nh: +7\ni: -0\nj: 0b-101\n",
  "a: 1.5\nb: .5\nc: 5.\nd: 1e3\ne: 1E-7\nf: -0.0\ng: .1_0\nh: 12e03\ni: 1e400\nj: 1e-400\nk: 1e21\n",
  "a: 9007199254740991\nb: -9007199254740991\nc: 9007199254740992\n",
  "a: 1:30\nb: 12:30:45\nc: 190:20:30.5\n",
  "a: 0x\nb: 0b12\nc: 0o8\nd: 1.2.3\ne: 1,000\nf: 1e\ng: _1\nh: 0o-7\n",
  // words
  "a: yes\nb: No\nc: ON\nd: off\ne: y\nf: N\ng: true\nh: False\ni: yEs\n",
  "a: ~\nb: null\nc: NULL\nd:\ne: nULL\n",
  "a: inf\nb: nan\nc: NaN\n",
  // dates are text
  "a: 2001-01-01\nb: 2001-12-14T21:59:43.10-05:00\nc: 2001-12-14 21:59:43\nd: !!timestamp 2001-1-1\n",
  // keys
  "1: a\n0644: b\ntrue: c\noff: d\n1.50: e\n1e7: f\n2001-01-01: g\n'0644': h\n-0.0: i\n",
  // quoted
  String.raw`a: "\x41\u00e9\U0001F600\n\t\0\e\N\_\L\P\"\\"` + "\n",
  "a: 'it''s'\nb: \"\"\nc: ''\nd: '0644'\ne: \"yes\"\nf: \"a\\\n  b\"\ng: 'a\n\n  b'\n",
  "a: 'x\u2028y'\nb: \"\u2029\"\n",
  // plain over several lines
  "a: one\n  two\n\n  three\nb: http://x:80/\nc: a#b\nd: a, b\ne: :a\nf: ?a\ng: -a\n",
  // block scalars
  "a: |\n  x\n   y\n\nb: |-\n  x\nc: |+\n  x\n\nd: >\n  x\n  y\n\n  z\n    w\ne: |2\n    x\nf: >-\n  x\n",
  "a: |\n  x\n  y",
  // anchors and merges
  "a: &x {b: 1}\nc: *x\nd: [*x, &y text, *y]\n",
  "a: &x {b: 1, c: 1}\nd:\n  <<: *x\n  c: 2\ne:\n  c: 2\n  <<: *x\nf:\n  <<: [*x, {b: 2, d: 2}]\ng:\n  <<: {b: 3}\n  <<: {b: 4, c: 4}\n",
  "a: {'<<': 1}\n",
  // tags
  "a: !!str 12\nb: !!int '7'\nc: !!float 3\nd: !!bool yes\ne: !!null ''\nf: !!binary aGVsbG8=\ng: ! 12\nh: !<tag:yaml.org,2002:str> yes\n",
  // flow style
  'a: [1, two, {b: [], c: {}}, \'x\', "y"]\nb: {c: d, "e":f, g: }\nc: [\n  x,\n  y,\n]\n',
  // comments, indentation, empty lines
  "# c\na: # c\n  # c\n\n  b: 1 # c\nc:\n- 1\n-   2\n-\n  - 3\n- - 4\n",
  // CRLF
  "a: |\r\n  x\r\n  y\r\nb: 'c\r\n  d'\r\n",
  "? a\n: b\n? c\n",
];

/** Bodies that both refuse. */
const REFUSED = [
  "a: .inf\n",
  "a: .nan\n",
  "a: [\n",
  "a: b: c\n",
  "a: 'x\n",
  "a:\n\t- b\n",
  "a: *x\n",
  "a: &x [*x]\n",
  "a: \0\n",
  "a: @x\n",
  "a: !!int x\n",
  "a: !!binary '%'\n",
  "~: a\n",
  "? [a]\n: b\n",
  "z:\n  <<: 1\n",
  "--- junk\n",
  "---x\n",
];

/** Bodies that we refuse and kubectl does not: it would lose something, or Kustomize or a YAML 1.2 reader would see something else. */
const STRICTER: [string, RegExp][] = [
  ["a: 1\na: 2\n", /the field is there twice/],
  ["1: a\n'1': b\n", /the field is there twice/],
  ["a: 12345678901234567890123\n", /cannot be kept exactly/],
  ["a: 1152921504606846976\n", /cannot be kept exactly/],
  ["a: !js x\n", /unknown tag !js/],
  ["a: !!js/function x\n", /unknown tag !!js\/function/],
  ["a: {__proto__: {b: 1}}\n", /the field's name is not allowed/],
  ["a: [?x]\n", /must be quoted/],
  ["a: {?x: 1}\n", /must be quoted/],
  ["a: {b:}\n", /a space must stand behind the colon/],
  ["a: 'x\u0085y'\n", /a line break other than LF and CRLF/],
  ["a:\t[1]\n", /a tab before or in/],
  ["a: 1\n...\nb: 2\n", /a document that follows/],
];

describe("against a real kubectl", () => {
  let kubectl = "";
  let reason: string | undefined;
  let directory = "";
  beforeAll(async () => {
    const found = await binaries(["kubectl"]);
    if (found.status === "unavailable") reason = found.reason;
    else kubectl = found.paths["kubectl"] ?? "";
    directory = await mkdtemp(join(tmpdir(), "trueup-kubectl-"));
  }, 30 * 60_000);
  beforeEach(({ skip }) => {
    if (reason !== undefined) skip(reason);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** An empty patch, applied without a server: reads the file and prints what it has read. */
  async function read(text: string | Uint8Array, output: "json" | "yaml" = "json") {
    const file = join(directory, "input.yaml");
    await writeFile(file, text);
    const args = ["patch", "--local", "--type=merge", "-p", "{}", "-o", output, "-f", file];
    return await run(kubectl, args, { env: { KUBECONFIG: join(directory, "none"), HOME: directory } });
  }

  /** kubectl prints objects one after the other, each indented: only the end of one stands at the start of a line. */
  const objectsOf = (stdout: string): Json[] =>
    stdout
      .split(/(?<=^\})\n/m)
      .filter((text) => text.trim() !== "")
      .map((text) => withoutMinusZero(JSON.parse(text) as Json));
  const withoutMinusZero = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;

  const ours = (text: string) => {
    const { documents, errors } = parseManifests(text, { file: "input.yaml" });
    expect(errors.map(({ message }) => message)).toEqual([]);
    return documents.map(({ manifest }) => manifest);
  };

  it(`reads ${READ.length} documents as we do`, async () => {
    const text = READ.map((body) => HEAD + body).join("\n---\n");
    const { stdout, stderr } = await read(text);
    expect(stderr).toBe("");
    const theirs = objectsOf(stdout);
    expect(theirs).toHaveLength(READ.length);
    for (const [i, manifest] of ours(text).entries())
      expect({ body: READ[i], manifest }).toEqual({ body: READ[i], manifest: theirs[i] });
  });

  it("reads separators, empty documents, comments and the byte order mark as we do", async () => {
    const text = `\ufeff# head\n---\n${HEAD}---\n# nothing\n--- # note\n\n---\n${HEAD}a: |\n  x\n---\n${HEAD}b: "---"\n---`;
    const { stdout } = await read(text);
    expect(objectsOf(stdout)).toEqual(ours(text));
    expect(ours(text)).toHaveLength(3);
  });

  it("reads JSON as we do", async () => {
    const values =
      String.raw`"a": [1, -2.5e3, 1E5, 1.0, true, null], "b": "\ud83d\ude00\/\u0000", "yes": {"on": "0644"}, "c": "` +
      "\u0085\u2028" +
      '"';
    const text = `{\n\t"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"},\n\t${values}\n}\n`;
    const { stdout, stderr } = await read(text);
    expect(stderr).toBe("");
    expect(objectsOf(stdout)).toEqual(ours(text));
  });

  it("flattens lists as we do", async () => {
    const item = (name: string) => `- ${HEAD.replace("x}", `${name}}`).trimEnd().replaceAll("\n", "\n  ")}\n`;
    const text = `apiVersion: v1\nkind: List\nitems:\n${item("a")}${item("b")}`;
    const { stdout } = await read(text);
    expect(objectsOf(stdout)).toEqual(ours(text));
    expect(ours(text).map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
  });

  it.each(REFUSED)("refuses %j, as we do", async (body) => {
    const { code, stdout } = await read(HEAD + body);
    expect({ code: code !== 0, stdout }).toEqual({ code: true, stdout: expect.any(String) });
    expect(parseManifests(HEAD + body, { file: "f" }).errors.length).toBeGreaterThan(0);
  });

  it("refuses JSON numbers beyond 64 bits, as we do", async () => {
    const input = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "a": 1e400}';
    expect((await read(input)).code).not.toBe(0);
    expect(parseManifests(input, { file: "f" }).errors).toHaveLength(1);
  });

  it("reads what is not UTF-8 as something else, which we refuse", async () => {
    const input = Buffer.concat([Buffer.from(`${HEAD}a: caf`), Buffer.from([0xe9, 10])]);
    expect(objectsOf((await read(input)).stdout)).toMatchObject([{ a: "caf\ufffd" }]);
    expect(parseManifests(input, { file: "f" }).errors[0]?.message).toBe("f:4: not UTF-8");
  });

  it.each(STRICTER)("reads %j, which we refuse", async (body, message) => {
    expect(parseManifests(HEAD + body, { file: "f" }).errors[0]?.message).toMatch(message);
    expect((await read(HEAD + body)).code).toBe(0);
  });

  it("writes what we write, byte for byte", async () => {
    const manifests: Manifest[] = [
      // But for a field named <<, which we quote, that it is not taken for a merge.
      ...READ.filter((body) => !body.includes("'<<'")).flatMap((body) => ours(HEAD + body)),
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "x", labels: { yes: "no", "a.b/c": "1" } },
        data: {
          long: "word ".repeat(40),
          script: "#!/bin/sh\nset -e\n\techo\n",
          key2: "",
          key10: " x",
          ["k".repeat(130)]: "a: b",
        },
        spec: { list: [[], {}, [1, [2]], { a: null, b: [{ c: "x\ny" }] }], float: 0.00001, large: 1e20 },
      },
    ];
    for (const manifest of manifests) {
      const { stdout } = await read(JSON.stringify(manifest), "yaml");
      expect(emitYaml(manifest)).toBe(stdout);
    }
  });

  it("and what it wrote reads as it was", async () => {
    // But for NEXT LINE, which it writes as a space, and a field named <<, which it does not quote.
    for (const body of READ.filter((body) => !/\\N|'<<'/.test(body))) {
      const [manifest] = ours(HEAD + body);
      const { stdout } = await read(HEAD + body, "yaml");
      expect(parseYaml(stdout, { file: "f" }).documents[0]?.value).toEqual(manifest);
    }
  });
});
