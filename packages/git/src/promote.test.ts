import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gitWriter, type GitWriter } from "./git-writer.ts";
import { MODE, oidOf } from "./object.ts";
import { promote, type PromoteOptions } from "./promote.ts";

const author = { name: "Bot", email: "bot@example.com" };
const DIGEST = `sha256:${"a".repeat(64)}`;

const values = (tag: string, replicas: number): string =>
  `# shop\nimage:\n  tag: ${tag} # which\nreplicas: ${replicas}\nlist: [1]\n`;
const pod = (image: string): string => `kind: Pod\nspec:\n  containers:\n    - image: ${image} # run\n`;

describe("promote", () => {
  let root: string;
  let writer: GitWriter;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-promote-"));
    await bareRepository(root);
    writer = gitWriter({ url: root });
    await writer.commit({
      branch: "main",
      from: null,
      author,
      message: "first",
      edits: {
        "staging/values.yaml": values('"1.10"', 1),
        "staging/web/pod.yaml": pod(`acme/web:2.0@${DIGEST}`),
        "staging/web/same.yml": pod(`acme/web:2.0@${DIGEST}`),
        "staging/kustomization.yaml": "images:\n  - name: acme/db\n    newTag: v2\n",
        "staging/base/pod.yaml": pod("acme/db:placeholder"),
        "staging/config.json": "new\n",
        "staging/template.yaml": "{{ not yaml\n",
        "production/values.yaml": values("1.9", 5),
        "production/web/pod.yaml": pod("acme/web:1.0"),
        "production/web/canary.json": JSON.stringify({
          kind: "Pod",
          spec: { containers: [{ image: "acme/web:1.0" }] },
        }),
        "production/kustomization.yaml": "images:\n  - name: acme/db # main\n    newTag: 'v1'\n",
        "production/base/pod.yaml": pod("acme/db:placeholder"),
        "production/README.md": "acme/web:1.0\n",
        "production/config.json": "old\n",
      },
    });
  });
  afterEach(async () => {
    await writer.close();
    await rm(root, { recursive: true });
  });

  const run = async (more: Partial<PromoteOptions>) =>
    await promote(writer, { branch: "main", author, from: "staging", to: "production", ...more });
  const read = async (path: string, branch = "main"): Promise<string> =>
    Buffer.from((await (await writer.head(branch))?.tree.read(path)) ?? []).toString();
  const message = async (branch = "main"): Promise<string | undefined> => (await writer.head(branch))?.commit.message;

  it("copies values, and says which", async () => {
    const before = await writer.head("main");
    const result = await run({
      values: [
        { file: "values.yaml", pointer: "/image/tag" },
        { file: "values.yaml", pointer: "/replicas", document: 0 },
      ],
    });
    expect(result).toEqual({
      status: "committed",
      id: (await writer.head("main"))?.commit.id,
      parent: before?.commit.id,
      changes: [
        { path: "production/values.yaml", what: "/image/tag", before: "1.9", after: '"1.10"' },
        { path: "production/values.yaml", what: "/replicas", before: "5", after: "1" },
      ],
    });
    expect(await read("production/values.yaml")).toBe(values('"1.10"', 1));
    expect(await message()).toBe(
      'Promote staging to production\n\n- production/values.yaml: /image/tag: 1.9 -> "1.10"\n- production/values.yaml: /replicas: 5 -> 1\n',
    );
    expect((await writer.head("main"))?.commit.author).toEqual(author);
  });

  it("copies images wherever they are named, those of a Kustomization first, and whole files", async () => {
    const result = await run({
      images: ["acme/web", "acme/db"],
      files: ["config.json"],
      title: "Release",
      committer: { name: "Robot", email: "r@x" },
      time: 5_000,
    });
    expect(await message()).toBe(
      [
        "Release",
        "",
        "- production/config.json",
        `- production/web/canary.json: acme/web: acme/web:1.0 -> acme/web:2.0@${DIGEST}`,
        `- production/web/pod.yaml: acme/web: acme/web:1.0 -> acme/web:2.0@${DIGEST}`,
        "- production/kustomization.yaml: acme/db: acme/db:v1 -> acme/db:v2",
        "",
      ].join("\n"),
    );
    expect(result).toMatchObject({ changes: [{ path: "production/config.json" }, {}, {}, {}] });
    expect((await writer.head("main"))?.commit).toMatchObject({
      time: 5_000,
      committer: { name: "Robot", email: "r@x" },
    });
    expect(await read("production/web/pod.yaml")).toBe(pod(`acme/web:2.0@${DIGEST}`));
    expect(await read("production/kustomization.yaml")).toBe("images:\n  - name: acme/db # main\n    newTag: 'v2'\n");
    expect(await read("production/base/pod.yaml")).toBe(pod("acme/db:placeholder"));
    expect(await read("production/README.md")).toBe("acme/web:1.0\n");
    expect(await read("production/config.json")).toBe("new\n");
  });

  it("copies files that are not there yet, and names none that is the same", async () => {
    const files = ["config.json", "only.txt"];
    await writer.commit({ branch: "main", author, message: "more", edits: { "staging/only.txt": "only\n" } });
    const paths = async (more: Partial<PromoteOptions>): Promise<unknown> => {
      const result = await run(more);
      return result.status === "committed" && result.changes.map(({ path }) => path);
    };
    expect(await paths({ files })).toEqual(["production/config.json", "production/only.txt"]);
    expect(await read("production/only.txt")).toBe("only\n");
    expect(await paths({ files, values: [{ file: "values.yaml", pointer: "/image/tag" }] })).toEqual([
      "production/values.yaml",
    ]);
    await expect(run({ files: ["ghost"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(run({ files: ["web"] })).rejects.toMatchObject({ code: "INVALID" });
  });

  it("makes no commit, and no branch, where there is nothing to do", async () => {
    const all: Partial<PromoteOptions> = {
      values: [{ file: "values.yaml", pointer: "/image/tag" }],
      images: ["acme/web"],
      files: ["config.json"],
    };
    const first = await run(all);
    expect(await run(all)).toEqual({ status: "unchanged", id: first.id });
    expect(await run({ ...all, branch: "promote", base: "main" })).toEqual({ status: "unchanged", id: first.id });
    expect(await writer.head("promote")).toBeUndefined();
    expect(await run({})).toEqual({ status: "unchanged", id: first.id });
  });

  it("onto a branch for a pull request, again with what is newer", async () => {
    const main = (await writer.head("main"))?.commit.id;
    const options = { branch: "promote/web", base: "main", images: ["acme/web"] };
    expect(await run(options)).toMatchObject({ status: "committed", parent: main });
    expect((await writer.head("main"))?.commit.id).toBe(main);
    expect(await read("production/web/pod.yaml", "promote/web")).toBe(pod(`acme/web:2.0@${DIGEST}`));
    await writer.commit({
      branch: "main",
      author,
      message: "newer",
      edits: { "staging/web/pod.yaml": pod("acme/web:3.0"), "staging/web/same.yml": null },
    });
    expect(await run(options)).toMatchObject({ status: "committed" });
    expect(await read("production/web/pod.yaml", "promote/web")).toBe(pod("acme/web:3.0"));
    expect(await message("promote/web")).toContain(`acme/web:2.0@${DIGEST} -> acme/web:3.0`);
    await expect(run({ branch: "x", base: "ghost" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "there is no branch ghost",
    });
  });

  it("reads manifests alone for images", async () => {
    await writer.commit({
      branch: "main",
      author,
      message: "more",
      edits: {
        "production/web/pod.yaml.bak": pod("acme/web:0.1"),
        "production/yaml": pod("acme/web:0.1"),
        "production/dir.yaml/pod.yml": pod("acme/web:1.1"),
        "production/link.yaml": { oid: oidOf("blob", Buffer.from(pod("acme/web:1.0"))), mode: MODE.symlink },
      },
    });
    const result = await run({ images: ["acme/web"] });
    expect(result.status === "committed" && result.changes.map(({ path }) => path)).toEqual([
      "production/dir.yaml/pod.yml",
      "production/web/canary.json",
      "production/web/pod.yaml",
    ]);
    expect(await read("production/web/pod.yaml.bak")).toBe(pod("acme/web:0.1"));
    expect(await read("production/yaml")).toBe(pod("acme/web:0.1"));
  });

  it("signs where it is told to, and stops where it is told to", async () => {
    const payloads: string[] = [];
    const sign = async (payload: Uint8Array): Promise<string> => {
      payloads.push(Buffer.from(payload).toString());
      return "-----BEGIN X-----\nsigned\n-----END X-----\n";
    };
    expect(await run({ images: ["acme/web"], sign })).toMatchObject({ status: "committed" });
    expect(payloads.length).toBe(1);
    expect(payloads[0]).toMatch(/^tree [\s\S]*\n\nPromote staging to production\n/);
    const { signal } = new AbortController();
    const calls: unknown[] = [];
    const watched: GitWriter = {
      ...writer,
      head: async (branch, call) => (calls.push(call), await writer.head(branch, call)),
      commit: async (change) => (calls.push(Object.keys(change).toSorted()), await writer.commit(change)),
    };
    const options = { branch: "x", base: "main", author, from: "staging", to: "production", images: ["acme/db"] };
    await promote(watched, { ...options, signal });
    expect(calls).toStrictEqual([{ signal }, ["author", "branch", "edits", "from", "message", "signal"]]);
    calls.length = 0;
    await promote(watched, { ...options, branch: "y", committer: author, time: 0, sign });
    expect(calls).toStrictEqual([{}, ["author", "branch", "committer", "edits", "from", "message", "sign", "time"]]);
  });

  it("refuses what is not there, or not one", async () => {
    const fails = async (more: Partial<PromoteOptions>): Promise<unknown> =>
      await run(more).catch(({ code, message }: { code: string; message: string }) => `${code} ${message}`);
    const at = (pointer: string, file = "values.yaml"): Partial<PromoteOptions> => ({ values: [{ file, pointer }] });
    const single = "is no single value to be copied";
    expect(await fails(at("/nothing"))).toBe(`NOT_FOUND staging/values.yaml: /nothing: ${single}`);
    expect(await fails(at("/list"))).toBe(`NOT_FOUND staging/values.yaml: /list: ${single}`);
    expect(await fails(at("/a", "ghost.yaml"))).toMatch(/^NOT_FOUND staging\/ghost\.yaml: /);
    expect(await fails({ images: ["acme/ghost"] })).toBe("NOT_FOUND staging: no file names image acme/ghost");
    await writer.commit({
      branch: "main",
      author,
      message: "other",
      edits: { "staging/web/same.yml": pod("acme/web:1.5"), "staging/only.yaml": pod("acme/only:1") },
    });
    expect(await fails({ images: ["acme/only"] })).toBe("NOT_FOUND production: no file names image acme/only");
    expect(await fails({ images: ["acme/web"] })).toBe(
      `INVALID staging: image acme/web is acme/web:2.0@${DIGEST} (staging/web/pod.yaml) and acme/web:1.5 (staging/web/same.yml): which one is promoted?`,
    );
    expect(await message()).toBe("other\n");
  });

  it("is made again on what somebody else was faster with, and shortens what is long", async () => {
    await writer.commit({
      branch: "main",
      author,
      message: "long",
      edits: { "staging/values.yaml": `text: ${"x".repeat(300)}\n`, "production/values.yaml": "text: y\n" },
    });
    const other = gitWriter({ url: root });
    let raced = false;
    const racing: GitWriter = {
      ...writer,
      commit: async (change) =>
        await writer.commit({
          ...change,
          edits: async (tree) => {
            const edits = await (change.edits as (given: typeof tree) => Promise<Record<string, Uint8Array>>)(tree);
            if (!raced) {
              raced = true;
              await other.commit({
                branch: "main",
                author,
                message: "theirs",
                edits: { "production/values.yaml": `text: ${"z".repeat(98)} # theirs\n` },
              });
            }
            return edits;
          },
        }),
    };
    await promote(racing, {
      branch: "main",
      author,
      from: "staging",
      to: "production",
      values: [{ file: "values.yaml", pointer: "/text" }],
    });
    expect(await read("production/values.yaml")).toBe(`text: ${"x".repeat(300)} # theirs\n`);
    expect(await message()).toBe(
      `Promote staging to production\n\n- production/values.yaml: /text: "${"z".repeat(98)}" -> "${"x".repeat(99)}…\n`,
    );
    await other.close();
  });
});
