import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isTrueUpError, type Json, type JsonObject, type Manifest, type TargetState, type Tracked } from "@trueup/spec";
import { filesystem } from "./filesystem.ts";
import { rawFileOf } from "./raw-file.ts";
import {
  context,
  file,
  itemOf,
  keyFor,
  observe,
  OWNER,
  place,
  PLANNED,
  service,
  sync,
  toYaml,
  type Place,
} from "./testing/place.ts";

const modeOf = (at: Place, path: string): string => (statSync(join(at.root, path)).mode & 0o7777).toString(8);
const motd = (spec: Readonly<Record<string, string | number>> = {}) =>
  file("motd", { path: "etc/motd", content: "hello\n", ...spec });
const recordsIn = (at: Place): number => readdirSync(join(at.root, ".trueup/files")).length;

describe("a raw file", () => {
  it("has the content and the mode that are declared, and nothing else", async () => {
    using at = place();
    await sync(at.target, motd({ mode: "0751" }));
    await sync(at.target, file("blob", { path: "blob", contentBase64: "AP8KgA==", mode: 0o600 }));
    expect(at.files()).toEqual(["blob", "etc/motd"]);
    expect(at.read("etc/motd")).toBe("hello\n");
    expect([modeOf(at, "etc/motd"), modeOf(at, "blob")]).toEqual(["751", "600"]);
    const live = await observe(at.target, file("blob", { path: "blob", contentBase64: "AP8KgA==", mode: 0o600 }));
    expect(live).toMatchObject({
      live: { manifest: { spec: { path: "blob", contentBase64: "AP8KgA==", mode: 0o600 } } },
    });
  });

  it("is found as it was returned", async () => {
    using at = place();
    const declared: Manifest[] = [
      motd(),
      motd({ mode: "640" }),
      motd({ content: "" }),
      file("motd", { path: "etc/motd", contentBase64: "" }),
      file("motd", { path: "etc/motd", contentBase64: "aGVsbG8=", mode: 420 }),
      { ...motd(), metadata: { name: "motd", labels: { a: "b" }, annotations: { c: "d" } } },
    ];
    for (const manifest of declared) {
      const row = { key: keyFor(manifest), apiVersion: "v1", dependsOn: [], state: { path: "etc/motd" } };
      const applied = await at.target.apply(
        itemOf(manifest, row),
        PLANNED,
        await observe(at.target, manifest),
        context(),
      );
      const seen = await observe(at.target, manifest, row);
      expect(seen).toEqual({ status: "found", live: applied.status === "done" ? applied.live : undefined });
      expect(applied.status === "done" && applied.live.manifest["spec"]).toEqual(manifest["spec"]);
    }
  });

  it("is not written again where it stands as declared, not even its record", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    const stamps = () =>
      ["etc/motd", `.trueup/files/${readdirSync(join(at.root, ".trueup/files"))[0]}`].map(
        (path) => statSync(join(at.root, path), { bigint: true }).mtimeNs,
      );
    const before = stamps();
    await sync(at.target, motd(), row);
    expect(stamps()).toEqual(before);
  });

  it("without a mode keeps none of its own, and is no drift", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    const before = await observe(at.target, motd(), row);
    chmodSync(join(at.root, "etc/motd"), 0o600);
    expect(await observe(at.target, motd(), row)).toEqual(before);
  });

  it.each([
    ["content", (at: Place) => writeFileSync(join(at.root, "etc/motd"), "mine"), { content: "mine" }],
    [
      "binary content",
      (at: Place) => writeFileSync(join(at.root, "etc/motd"), Buffer.from([0xff])),
      { contentBase64: "/w==" },
    ],
    ["its mode", (at: Place) => chmodSync(join(at.root, "etc/motd"), 0o4755), { mode: "4755" }],
    ["its mode, opened to all", (at: Place) => chmodSync(join(at.root, "etc/motd"), 0o666), { mode: "0666" }],
  ])("whose %s a hand edit changed is found so, and healed", async (_, edit, spec) => {
    using at = place();
    const row = await sync(at.target, motd({ mode: "0644" }));
    edit(at);
    const seen = await observe(at.target, motd({ mode: "0644" }), row);
    expect(seen).toMatchObject({ live: { uid: row.uid, manifest: { spec } } });
    expect(seen.status === "found" && at.target.ownerOf?.(seen.live, row.key)).toEqual(OWNER);
    await sync(at.target, motd({ mode: "0644" }), row);
    expect([at.read("etc/motd"), modeOf(at, "etc/motd")]).toEqual(["hello\n", "644"]);
  });

  it("that a link took the place of is healed, and what the link led to left alone", async () => {
    using at = place();
    using outside = place();
    outside.write("secret", "theirs");
    const row = await sync(at.target, motd());
    rmSync(join(at.root, "etc/motd"));
    symlinkSync(join(outside.root, "secret"), join(at.root, "etc/motd"));
    expect(await observe(at.target, motd(), row)).toMatchObject({
      live: { manifest: { unreadable: "a symbolic link stands there" } },
    });
    await sync(at.target, motd(), row);
    expect([at.read("etc/motd"), outside.read("secret")]).toEqual(["hello\n", "theirs"]);
  });

  it("is deleted with its record and the folders that were made for it", async () => {
    using at = place();
    mkdirSync(join(at.root, "etc"));
    const row = await sync(at.target, file("deep", { path: "etc/a/b/c", content: "x" }));
    await at.target.delete(row, { status: "absent" }, context());
    expect(at.entries().filter((path) => !path.startsWith(".trueup"))).toEqual(["etc"]);
    expect(recordsIn(at)).toBe(0);
  });

  it("is deleted by its record where the state was never stored", async () => {
    using at = place();
    const { state: _, uid: _uid, expected: _expected, ...row } = await sync(at.target, motd());
    await at.target.delete(row, { status: "absent" }, context());
    expect(at.files()).toEqual([]);
    expect(recordsIn(at)).toBe(0);
  });

  it("with sensitive content is for its owner's eyes only", async () => {
    using at = place();
    const item = itemOf(motd());
    const declared = { ...item.declared, sensitive: ["/spec/content"] };
    await at.target.apply({ ...item, declared }, PLANNED, { status: "absent" }, context());
    expect(modeOf(at, "etc/motd")).toBe("600");
    const [record] = readdirSync(join(at.root, ".trueup/files"));
    expect(at.read(`.trueup/files/${record}`)).not.toContain("hello");
    expect(modeOf(at, `.trueup/files/${record}`)).toBe("600");
  });

  it("keeps what the application ignores", async () => {
    using at = place();
    const row = await sync(at.target, motd({ mode: "0644" }));
    at.write("etc/motd", "mine");
    await sync(at.target, motd({ mode: "0600" }), row, { ignore: [{ pointers: ["/spec/content"] }] });
    expect([at.read("etc/motd"), modeOf(at, "etc/motd")]).toEqual(["mine", "600"]);
  });
});

describe("what a raw file is declared as", () => {
  const spec = (value: JsonObject) => ({ ...motd(), spec: value });
  const cases: [string, Json, string, string][] = [
    ["no spec", null, "/spec", "spec is missing"],
    ["no path", { content: "" }, "/spec/path", "spec.path must be a string"],
    [
      "a path outside",
      { path: "../x", content: "" },
      "/spec/path",
      'spec.path "../x" leaves its folder: `.` and `..` are refused',
    ],
    ["no content", { path: "x" }, "/spec", "exactly one of spec.content and spec.contentBase64 must be there"],
    [
      "two contents",
      { path: "x", content: "", contentBase64: "" },
      "/spec",
      "exactly one of spec.content and spec.contentBase64 must be there",
    ],
    ["content that is a number", { path: "x", content: 1 }, "/spec/content", "spec.content must be a string: quote it"],
    [
      "content that is no Unicode",
      { path: "x", content: "\uD800" },
      "/spec/content",
      "spec.content is not well-formed Unicode",
    ],
    [
      "base64 that is none",
      { path: "x", contentBase64: "a" },
      "/spec/contentBase64",
      "spec.contentBase64 is not base64",
    ],
    [
      "base64 that is a list",
      { path: "x", contentBase64: [] },
      "/spec/contentBase64",
      "spec.contentBase64 must be a string",
    ],
    [
      "a mode over 0777",
      { path: "x", content: "", mode: 0o1000 },
      "/spec/mode",
      "spec.mode must be 0 to 0777: permissions only",
    ],
    [
      "a mode with setuid",
      { path: "x", content: "", mode: "4755" },
      "/spec/mode",
      "spec.mode must be 0 to 0777: permissions only",
    ],
    [
      "a negative mode",
      { path: "x", content: "", mode: -1 },
      "/spec/mode",
      "spec.mode must be 0 to 0777: permissions only",
    ],
    [
      "a mode with a fraction",
      { path: "x", content: "", mode: 1.5 },
      "/spec/mode",
      "spec.mode must be 0 to 0777: permissions only",
    ],
    [
      "a mode in words",
      { path: "x", content: "", mode: "rw" },
      "/spec/mode",
      "spec.mode must be 0 to 0777: permissions only",
    ],
    [
      "a field that is none",
      { path: "x", content: "", owner: "me" },
      "/spec/owner",
      "spec.owner is not a field: path, content, contentBase64 and mode are",
    ],
  ];

  it.each(cases)("with %s is refused, naming the field", async (_, value, field, message) => {
    using at = place();
    const manifest = spec(value as JsonObject);
    const error = { code: "INVALID", message: `File motd: ${message}`, origin: { file: "app.yaml", line: 3, field } };
    expect(await observe(at.target, manifest)).toMatchObject({ status: "unknown", error });
    await expect(at.target.apply(itemOf(manifest), PLANNED, { status: "absent" }, context())).rejects.toMatchObject(
      error,
    );
    expect(at.files()).toEqual([]);
  });

  it("in another version is refused", () => {
    expect(() => rawFileOf({ ...motd(), apiVersion: "filesystem.trueup.dev/v2" })).toThrow(
      "File motd: filesystem.trueup.dev/v2 is not filesystem.trueup.dev/v1",
    );
  });

  it("at the limit is taken, and a byte over it refused", () => {
    const limit = 16 * 1024 * 1024;
    expect(rawFileOf(motd({ content: "a".repeat(limit) })).bytes).toHaveLength(limit);
    expect(() => rawFileOf(motd({ content: "a".repeat(limit + 1) }))).toThrow(`the content is over ${limit} bytes`);
  });

  it("may have white space in its base64", () => {
    expect(rawFileOf(file("x", { path: "x", contentBase64: "aGVs\n bG8=\n" })).bytes.toString()).toBe("hello");
  });
});

describe("raw files that are not ours", () => {
  it("are adopted only where the plan says so, as they were seen", async () => {
    using at = place();
    at.write("etc/motd", "theirs");
    await expect(sync(at.target, motd())).rejects.toMatchObject({
      code: "NOT_OURS",
      message: "File.filesystem.trueup.dev motd: etc/motd stands there and belongs to nobody",
    });
    const seen = await observe(at.target, motd());
    expect(seen).toMatchObject({ live: { manifest: { spec: { path: "etc/motd", content: "theirs" } } } });
    at.write("etc/motd", "theirs, again");
    const adopt = { ...PLANNED, action: "adopt" as const };
    await expect(at.target.apply(itemOf(motd()), adopt, seen, context())).rejects.toMatchObject({ code: "NOT_OURS" });
    await at.target.apply(itemOf(motd()), adopt, await observe(at.target, motd()), context());
    expect(at.read("etc/motd")).toBe("hello\n");
  });

  it("are not ours because their content is what we would write", async () => {
    using at = place();
    at.write("etc/motd", "hello\n");
    await expect(sync(at.target, motd())).rejects.toMatchObject({ code: "NOT_OURS" });
  });

  it("that another application put there stay", async () => {
    using at = place();
    const other = { installation: "test", application: "other" };
    await sync(at.target, motd(), undefined, { owner: other });
    const mine = file("mine", { path: "etc/motd", content: "mine" });
    await expect(sync(at.target, mine)).rejects.toMatchObject({
      code: "NOT_OURS",
      message:
        "File.filesystem.trueup.dev mine: etc/motd stands there and belongs to application other (installation test)",
    });
    expect(at.read("etc/motd")).toBe("hello\n");
  });

  it("that came in the place of ours since the inventory was lost stay", async () => {
    using at = place();
    await sync(at.target, motd());
    at.write("etc/motd", "theirs");
    await expect(sync(at.target, motd())).rejects.toMatchObject({ code: "NOT_OURS" });
    expect(at.read("etc/motd")).toBe("theirs");
  });

  it("are nobody's where the record is damaged or lost", async () => {
    using at = place();
    await sync(at.target, motd());
    const [record] = readdirSync(join(at.root, ".trueup/files"));
    for (const text of ["", "{", "[]", '{"path":1}', '{"path":"etc/motd","manifest":{},"digests":[1]}']) {
      at.write(`.trueup/files/${record}`, text);
      await expect(sync(at.target, motd())).rejects.toMatchObject({ code: "NOT_OURS" });
    }
    expect(await at.target.owned?.(OWNER, context())).toEqual([]);
  });

  it("that differ only in case are refused, naming the other", async () => {
    using at = place();
    await sync(at.target, motd());
    const twin = file("twin", { path: "ETC/Motd", content: "x" });
    await expect(sync(at.target, twin)).rejects.toMatchObject({
      code: "CONFLICT",
      retryable: false,
      message:
        "File.filesystem.trueup.dev twin: ETC/Motd differs only in case from etc/motd, of File.filesystem.trueup.dev motd",
    });
    expect(at.files()).toEqual(["etc/motd"]);
  });

  it("of two that are declared for one path neither is observed", async () => {
    using at = place();
    const items = [
      motd(),
      file("twin", { path: "etc/MOTD", content: "x" }),
      file("other", { path: "other", content: "x" }),
    ].map((manifest) => itemOf(manifest));
    const seen = [...(await at.target.observe(items, context())).values()];
    const message = (a: string, b: string) =>
      `File.filesystem.trueup.dev ${a} and File.filesystem.trueup.dev ${b} name the same file`;
    expect(seen).toMatchObject([
      { status: "unknown", error: { code: "INVALID", message: message("motd", "twin") } },
      { status: "unknown", error: { code: "INVALID", message: message("twin", "motd") } },
      { status: "absent" },
    ]);
  });

  it("cannot pass for an object's file", async () => {
    using at = place();
    const forged = file("x", { path: "prod/Service.example.dev/web.yaml", content: toYaml(service("web")) });
    await expect(sync(at.target, forged)).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("a raw file that moves", () => {
  const moved = file("motd", { path: "var/motd", content: "hello\n" });

  it("is written in its new place, then removed from the old one", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    expect(await observe(at.target, moved, row)).toMatchObject({ live: { manifest: { spec: { path: "etc/motd" } } } });
    const states: TargetState[] = [];
    const next = await sync(at.target, moved, row, { checkpoint: async (state) => void states.push(state) });
    expect(states).toEqual([{ path: "var/motd", previous: "etc/motd" }]);
    expect(next).toMatchObject({ state: { path: "var/motd" } });
    expect(next.uid).toBe(row.uid?.replace("etc/motd", "var/motd"));
    expect(at.entries().filter((path) => !path.startsWith(".trueup"))).toEqual(["var", "var/motd"]);
    expect(recordsIn(at)).toBe(1);
  });

  it("goes on where it was cut off", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    const state = { path: "var/motd", previous: "etc/motd" };
    const cut: Tracked = { ...row, state };
    expect(await observe(at.target, moved, cut)).toMatchObject({ live: { manifest: { spec: { path: "etc/motd" } } } });
    await sync(at.target, moved, cut);
    expect(at.files()).toEqual(["var/motd"]);
    expect(await observe(at.target, moved, cut)).toMatchObject({ live: { manifest: { spec: { path: "var/motd" } } } });
  });

  it("is deleted from both places where it was cut off, and left where it never was", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    await sync(at.target, moved);
    const cut: Tracked = { ...row, state: { path: "var/motd", previous: "etc/motd" } };
    await at.target.delete(cut, { status: "absent" }, context());
    expect(at.files()).toEqual([]);
  });

  it("moves on though its first move was cut off", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    await sync(at.target, moved);
    const cut: Tracked = { ...row, state: { path: "var/motd", previous: "etc/motd" } };
    await sync(at.target, file("motd", { path: "opt/motd", content: "hello\n" }), cut);
    expect(at.files()).toEqual(["opt/motd"]);
  });

  it("leaves what somebody put in its old place meanwhile", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    const { uid: _, ...unconfirmed } = row;
    at.write("etc/motd", "theirs");
    await sync(at.target, moved, unconfirmed);
    expect(at.files()).toEqual(["etc/motd", "var/motd"]);
  });

  it("gives its place to one of the same application", async () => {
    using at = place();
    const row = await sync(at.target, motd());
    const successor = file("greeting", { path: "etc/motd", content: "hello\n" });
    const next = await sync(at.target, successor);
    expect(next.uid).toBe(row.uid);
    await at.target.delete(row, { status: "absent" }, context());
    expect(at.read("etc/motd")).toBe("hello\n");
    await at.target.delete(next, { status: "absent" }, context());
    expect(at.files()).toEqual([]);
  });
});

it("fault 16: a raw file never leaves the root, through a link neither", async () => {
  using at = place();
  using outside = place();
  await at.target.identity?.();
  symlinkSync(outside.root, join(at.root, "out"));
  const error = await sync(at.target, file("x", { path: "out/x", content: "x" })).catch((reason: unknown) => reason);
  expect(isTrueUpError(error) && error.code).toBe("FORBIDDEN");
  expect(outside.entries()).toEqual([]);
  await expect(
    filesystem({ root: at.root }).apply(
      itemOf(file("x", { path: "out/x", content: "x" })),
      PLANNED,
      { status: "absent" },
      context(),
    ),
  ).rejects.toMatchObject({ code: "FORBIDDEN" });
  expect(outside.entries()).toEqual([]);
});
