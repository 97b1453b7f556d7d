import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { markOwned, type Json, type Manifest } from "@trueup/spec";
import { filesystem } from "./filesystem.ts";
import {
  context,
  file,
  fromYaml,
  itemOf,
  keyFor,
  observe,
  OWNER,
  place,
  PLANNED,
  rowOf,
  service,
  sync,
  toYaml,
} from "./testing/place.ts";

const PATH = "prod/Service.example.dev/web.yaml";

/** Others are refused wherever they are read: fault 26. */
const isKey = (key: string): boolean => !["__proto__", "constructor", "prototype"].includes(key);

describe("the file of an object", () => {
  it("is YAML with the owner's marks, and nothing else is made but the target's own folder", async () => {
    using at = place();
    await sync(at.target, service("web", { replicas: 2, text: "yes", list: [1, "a"] }));
    expect(at.read(PATH)).toBe(
      [
        "apiVersion: example.dev/v1",
        "kind: Service",
        "metadata:",
        "  annotations:",
        "    trueup.dev/tracking-id: test:web:filesystem/example.dev/Service/prod/web",
        "  labels:",
        "    trueup.dev/application: web",
        "  name: web",
        "  namespace: prod",
        "spec:",
        "  list:",
        "  - 1",
        "  - a",
        "  replicas: 2",
        '  text: "yes"',
        "",
      ].join("\n"),
    );
    expect(at.files()).toEqual([PATH]);
    expect(readdirSync(at.root).toSorted()).toEqual([".trueup", "prod"]);
    expect(readdirSync(join(at.root, ".trueup/tmp"))).toEqual([]);
  });

  it("reads back as it was returned, whatever its values", async () => {
    using at = place();
    const leaf = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(
        "yes",
        "0644",
        "1e3",
        "~",
        "",
        " a ",
        "- b",
        "a: b",
        "\n",
        "2001-01-01",
        "#",
        "<<",
        "=",
        "0x1",
        "\u0085",
        "a\u2028b",
        "a\u2029",
        "a\n\u0085",
        "\uFEFFx",
      ),
    );
    const value = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.string({ maxLength: 6 }).filter(isKey), tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1 }).filter(isKey), value, { maxKeys: 4 }),
        async (spec) => {
          const manifest = JSON.parse(JSON.stringify(service("web", spec))) as Manifest;
          rmSync(join(at.root, "prod"), { recursive: true, force: true });
          const item = itemOf(manifest);
          const applied = await at.target.apply(item, PLANNED, { status: "absent" }, context());
          const seen = await observe(at.target, manifest);
          expect(seen).toEqual({ status: "found", live: applied.status === "done" ? applied.live : undefined });
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is not written again where it stands as declared", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const { ino, mtimeNs } = statSync(join(at.root, PATH), { bigint: true });
    await sync(at.target, service("web"), row);
    const after = statSync(join(at.root, PATH), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([ino, mtimeNs]);
  });

  it("is put in place as a whole: who has it open goes on reading the old one", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const before = statSync(join(at.root, PATH)).ino;
    await sync(at.target, service("web", { replicas: 3 }), row);
    expect(statSync(join(at.root, PATH)).ino).not.toBe(before);
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 3 } });
  });

  it("of a Secret, or with sensitive values, is for its owner's eyes only", async () => {
    using at = place();
    const secret = { ...service("web"), kind: "Secret" };
    await sync(at.target, secret);
    const item = itemOf(service("api"));
    const declared = { ...item.declared, sensitive: ["/spec/token"] };
    await at.target.apply({ ...item, declared }, PLANNED, { status: "absent" }, context());
    const mode = (path: string) => statSync(join(at.root, path)).mode & 0o777;
    expect(mode("prod/Secret.example.dev/web.yaml")).toBe(0o600);
    expect(mode("prod/Service.example.dev/api.yaml")).toBe(0o600);
    await sync(at.target, service("db"));
    expect(mode("prod/Service.example.dev/db.yaml")).toBe(0o644 & ~process.umask());
  });

  it("leaves alone what the application ignores", async () => {
    using at = place();
    const row = await sync(at.target, service("web", { replicas: 2, image: "a" }));
    at.write(PATH, at.read(PATH)!.replace("replicas: 2", "replicas: 7"));
    await sync(at.target, service("web", { replicas: 2, image: "b" }), row, {
      ignore: [{ pointers: ["/spec/replicas"] }],
    });
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 7, image: "b" } });
    at.write(PATH, "broken: [");
    await sync(at.target, service("web", { replicas: 2, image: "b" }), row, {
      ignore: [{ pointers: ["/spec/replicas"] }],
    });
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 2, image: "b" } });
  });
});

describe("a hand edit", () => {
  it.each([
    ["not YAML", "broken: [", "the file does not hold one manifest"],
    ["empty", "", "the file does not hold one manifest"],
    ["two documents", "a: 1\n---\nb: 2\n", "the file does not hold one manifest"],
    ["not a manifest", "a: 1\n", "the file does not hold one manifest"],
    [
      "marks that are not text",
      "apiVersion: v1\nkind: A\nmetadata: {name: web, labels: {a: 1}}\n",
      "the file does not hold one manifest",
    ],
    ["not UTF-8", Buffer.from([0xff, 0xfe, 0x00]), "the file does not hold one manifest"],
  ])("that leaves a file which is %s is drift, and healed", async (_, content, why) => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const good = at.read(PATH);
    at.write(PATH, content);
    const seen = await observe(at.target, service("web"), row);
    expect(seen).toMatchObject({
      status: "found",
      live: { uid: row.uid, manifest: { unreadable: why, kind: "Service" } },
    });
    expect(seen.status === "found" && at.target.ownerOf?.(seen.live, row.key)).toEqual(OWNER);
    await sync(at.target, service("web"), row);
    expect(at.read(PATH)).toBe(good);
  });

  it("that broke a file nobody's inventory confirms leaves it nobody's", async () => {
    using at = place();
    const { uid: _, expected: _expected, ...intended } = await sync(at.target, service("web"));
    at.write(PATH, "broken: [");
    for (const tracked of [undefined, intended]) {
      const seen = await observe(at.target, service("web"), tracked);
      expect(seen.status === "found" && at.target.ownerOf?.(seen.live, keyFor(service("web")))).toBeUndefined();
      await expect(sync(at.target, service("web"), tracked)).rejects.toMatchObject({
        code: "NOT_OURS",
        message: `Service.example.dev prod/web: ${PATH} stands there and belongs to nobody`,
      });
    }
    expect(at.read(PATH)).toBe("broken: [");
  });

  it("that took the marks away is healed where the inventory confirms the path, and deleted by nobody", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    at.write(PATH, toYaml(service("web", { replicas: 9 })));
    const seen = await observe(at.target, service("web"), row);
    await expect(at.target.delete(row, seen, context())).rejects.toMatchObject({ code: "NOT_OURS" });
    await sync(at.target, service("web"), row);
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 2 } });
    await at.target.delete(row, seen, context());
    expect(at.files()).toEqual([]);
  });

  it("that gave it another name in the file is healed", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const good = at.read(PATH)!;
    at.write(PATH, good.replace("  name: web", "  name: other"));
    expect(await observe(at.target, service("web"), row)).toMatchObject({
      live: { manifest: { metadata: { name: "other" } } },
    });
    await sync(at.target, service("web"), row);
    expect(at.read(PATH)).toBe(good);
  });

  it("that broke a file can still be pruned", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    at.write(PATH, "broken: [");
    const seen = (await at.target.observe([{ key: row.key, tracked: row }], context())).get(row.key)!;
    expect(await at.target.delete(row, seen, context())).toEqual({ status: "gone" });
    expect(at.files()).toEqual([]);
  });
});

describe("what is not ours", () => {
  it("is adopted only as it was seen", async () => {
    using at = place();
    at.write(PATH, toYaml(service("web", { replicas: 5 })));
    const item = itemOf(service("web"));
    const seen = await observe(at.target, service("web"));
    at.write(PATH, toYaml(service("web", { replicas: 6 })));
    const adopt = { ...PLANNED, action: "adopt" as const };
    await expect(at.target.apply(item, adopt, seen, context())).rejects.toMatchObject({ code: "NOT_OURS" });
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 6 } });
    await at.target.apply(item, adopt, await observe(at.target, service("web")), context());
    expect(fromYaml(at.read(PATH)!)).toMatchObject({ spec: { replicas: 2 } });
  });

  it("is another application's while its mark says so, whatever our row says", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const owner = { installation: "test", application: "other" };
    at.write(PATH, toYaml(markOwned(service("web"), owner, row.key)));
    await expect(sync(at.target, service("web"), row)).rejects.toMatchObject({
      code: "NOT_OURS",
      key: row.key,
      message: `Service.example.dev prod/web: ${PATH} stands there and belongs to application other (installation test)`,
    });
  });

  it("is a folder in the way", async () => {
    using at = place();
    mkdirSync(join(at.root, PATH), { recursive: true });
    await expect(sync(at.target, service("web"))).rejects.toMatchObject({
      code: "CONFLICT",
      message: `Service.example.dev prod/web: ${PATH} is a folder`,
    });
    expect(statSync(join(at.root, PATH)).isDirectory()).toBe(true);
  });

  it("is a file where a folder should be", async () => {
    using at = place();
    at.write("prod", "mine");
    const seen = await observe(at.target, service("web"));
    expect(seen).toMatchObject({
      status: "unknown",
      error: { code: "FORBIDDEN", message: "prod is no folder: nothing is read or written behind it" },
    });
    await expect(
      at.target.apply(itemOf(service("web")), PLANNED, { status: "absent" }, context()),
    ).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(at.read("prod")).toBe("mine");
  });
});

describe("fault 15: symbolic links", () => {
  it.each(["prod", "prod/Service.example.dev", ".trueup", ".trueup/tmp"])(
    "a link at %s is not followed",
    async (link) => {
      using at = place();
      using outside = place();
      const row = await sync(at.target, service("web"));
      outside.write("Service.example.dev/web.yaml", "theirs");
      outside.write("web.yaml", "theirs");
      const before = outside.entries();
      rmSync(join(at.root, link), { recursive: true });
      symlinkSync(outside.root, join(at.root, link));
      const target = filesystem({ root: at.root });
      const refused = {
        code: "FORBIDDEN",
        retryable: false,
        message: `${link} is a symbolic link: nothing is read or written behind it`,
      };
      if (link.startsWith("prod")) {
        const seen = await observe(at.target, service("web"), row);
        expect(seen).toMatchObject({ status: "unknown", error: refused });
        await expect(at.target.delete(row, seen, context())).rejects.toMatchObject(refused);
        expect(await target.owned?.(OWNER, context())).toEqual([]);
      }
      for (const how of [at.target, target]) {
        const item = itemOf(service("web", { replicas: 3 }), row);
        await expect(how.apply(item, PLANNED, { status: "absent" }, context())).rejects.toMatchObject(refused);
      }
      expect(outside.entries()).toEqual(before);
      expect(outside.read("web.yaml")).toBe("theirs");
    },
  );

  it("a link in the place of our file is replaced, and what it led to left alone", async () => {
    using at = place();
    using outside = place();
    outside.write("secret", "apiVersion: v1\n");
    const row = await sync(at.target, service("web"));
    const good = at.read(PATH);
    rmSync(join(at.root, PATH));
    symlinkSync(join(outside.root, "secret"), join(at.root, PATH));
    const seen = await observe(at.target, service("web"), row);
    expect(seen).toMatchObject({ status: "found", live: { manifest: { unreadable: "a symbolic link stands there" } } });
    await sync(at.target, service("web"), row);
    expect(at.read(PATH)).toBe(good);
    expect(outside.read("secret")).toBe("apiVersion: v1\n");
  });

  it("a link in the place of a new file is nobody's, even one that leads nowhere", async () => {
    using at = place();
    mkdirSync(join(at.root, "prod/Service.example.dev"), { recursive: true });
    symlinkSync(join(at.root, "nowhere"), join(at.root, PATH));
    await expect(
      at.target.apply(itemOf(service("web")), PLANNED, { status: "absent" }, context()),
    ).rejects.toMatchObject({ code: "NOT_OURS" });
    expect(existsSync(join(at.root, "nowhere"))).toBe(false);
  });

  it("the root itself may be one", async () => {
    using at = place();
    using other = place();
    symlinkSync(at.root, join(other.root, "link"));
    const target = filesystem({ root: join(other.root, "link") });
    await sync(target, service("web"));
    expect(at.files()).toEqual([PATH]);
  });
});

describe("folders", () => {
  it("that were made are removed when they are empty, others are not", async () => {
    using at = place();
    mkdirSync(join(at.root, "stage"));
    const rows = [];
    for (const manifest of [service("web"), service("api"), service("web", {}, "stage"), service("node", {}, "")]) {
      rows.push(await sync(at.target, manifest));
    }
    const folders = () =>
      at.entries().filter((path) => !path.startsWith(".trueup") && statSync(join(at.root, path)).isDirectory());
    expect(folders()).toEqual([
      "_cluster",
      "_cluster/Service.example.dev",
      "prod",
      "prod/Service.example.dev",
      "stage",
      "stage/Service.example.dev",
    ]);
    const [web, api, stage, node] = rows;
    await at.target.delete(web!, { status: "absent" }, context());
    expect(folders()).toContain("prod/Service.example.dev");
    await at.target.delete(api!, { status: "absent" }, context());
    await at.target.delete(stage!, { status: "absent" }, context());
    await at.target.delete(node!, { status: "absent" }, context());
    expect(folders()).toEqual(["stage"]);
    expect(readdirSync(join(at.root, ".trueup/folders"))).toEqual([]);
  });

  it("that hold something of others stay", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    at.write("prod/Service.example.dev/notes.txt", "mine");
    await at.target.delete(row, { status: "absent" }, context());
    expect(at.files()).toEqual(["prod/Service.example.dev/notes.txt"]);
  });

  it("that are removed while they are written to are made again", async () => {
    using at = place();
    const manifests = Array.from({ length: 60 }, (_, index) => service(`web-${index}`));
    const remover = setInterval(() => {
      try {
        rmSync(join(at.root, "prod"), { recursive: true, force: true });
      } catch {
        // Something was written there meanwhile: the next time removes it.
      }
    }, 1);
    const written = await Promise.allSettled(
      manifests.map((manifest) => at.target.apply(itemOf(manifest), PLANNED, { status: "absent" }, context())),
    );
    clearInterval(remover);
    for (const result of written) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    }
    for (const manifest of manifests) await sync(at.target, manifest);
    expect(at.files()).toHaveLength(60);
  });
});

describe("the root", () => {
  it("is made where it is missing, and has one identity for all who use it", async () => {
    using at = place();
    const root = join(at.root, "a/b");
    const identities = await Promise.all(
      Array.from({ length: 5 }, async () => await filesystem({ root }).identity?.()),
    );
    expect(new Set(identities).size).toBe(1);
    expect(readFileSync(join(root, ".trueup/identity"), "utf8")).toBe(`${identities[0]}\n`);
    expect(identities[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("whose identity is damaged is refused, not given another", async () => {
    using at = place();
    await at.target.identity?.();
    writeFileSync(join(at.root, ".trueup/identity"), "x");
    await expect(filesystem({ root: at.root }).identity?.()).rejects.toMatchObject({
      code: "INVALID",
      message: ".trueup/identity does not hold an identity: remove it to make the root a new system",
    });
  });

  it("is cleared of what crashed processes left, not of what others write now", async () => {
    using at = place();
    await at.target.identity?.();
    at.write(".trueup/tmp/old", "x");
    at.write(".trueup/tmp/new", "x");
    utimesSync(join(at.root, ".trueup/tmp/old"), 0, Date.now() / 1000 - 3700);
    await filesystem({ root: at.root }).identity?.();
    expect(readdirSync(join(at.root, ".trueup/tmp"))).toEqual(["new"]);
  });

  it("must be named", () => {
    expect(() => filesystem({ root: "" })).toThrow('filesystem: root must be the path of a directory, not ""');
    expect(() => filesystem({} as { root: string })).toThrow("not undefined");
  });

  it("that is a file is an error", async () => {
    using at = place();
    at.write("file", "x");
    const target = filesystem({ root: join(at.root, "file") });
    await expect(target.identity?.()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/^cannot make the root .*: EEXIST$/),
    });
    const seen = await target.observe([itemOf(service("web"))], context()).catch((error: unknown) => error);
    expect(seen).toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("a write", () => {
  it("is not begun once the lease is lost", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const lost = context({ lease: { ...context().lease, valid: () => false } });
    const item = itemOf(service("api"));
    await expect(at.target.apply(item, PLANNED, { status: "absent" }, lost)).rejects.toMatchObject({
      code: "LEASE_LOST",
    });
    await expect(at.target.delete(row, { status: "absent" }, lost)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(at.files()).toEqual([PATH]);
  });

  it("without a declared object is refused", async () => {
    using at = place();
    const { key } = itemOf(service("web"));
    await expect(at.target.apply({ key }, PLANNED, { status: "absent" }, context())).rejects.toMatchObject({
      code: "INTERNAL",
    });
  });

  it("leaves no file open, whether it works or not", async () => {
    using at = place();
    at.write("bad", "a file in the way");
    const row = await sync(at.target, service("web"));
    await observe(at.target, service("web"), row);
    await expect(
      at.target.apply(itemOf(service("web", {}, "bad")), PLANNED, { status: "absent" }, context()),
    ).rejects.toThrow();
    await at.target.delete(row, { status: "absent" }, context());
    expect(at.openFiles()).toEqual([]);
    expect(readdirSync(join(at.root, ".trueup/tmp"))).toEqual([]);
  });

  it("where nothing may be written is FORBIDDEN", async ({ skip }) => {
    skip(process.getuid?.() === 0, "root may write everywhere");
    using at = place();
    await at.target.identity?.();
    chmodSync(at.root, 0o500);
    await expect(sync(at.target, service("web"))).rejects.toMatchObject({ code: "FORBIDDEN" });
    chmodSync(at.root, 0o700);
  });
});

it("owned: lists what bears the mark, and nothing that is broken, copied or another's", async () => {
  using at = place();
  const row = await sync(at.target, service("web"));
  const other = { installation: "test", application: "other" };
  await sync(at.target, service("theirs"), undefined, { owner: other });
  await sync(at.target, service("broken"));
  const raw = await sync(at.target, file("motd", { path: "etc/motd", content: "hi" }));
  at.write("prod/Service.example.dev/broken.yaml", "[");
  at.write("prod/Service.example.dev/copy.yaml", at.read(PATH)!);
  at.write("prod/notes.txt", "x");
  at.write("top.yaml", "x");
  symlinkSync("prod", join(at.root, "link"));
  expect(await filesystem({ root: at.root }).owned?.(OWNER, context())).toEqual([
    { key: row.key, uid: row.uid, apiVersion: "example.dev/v1", dependsOn: [], mask: true },
    {
      key: raw.key,
      uid: raw.uid,
      apiVersion: "filesystem.trueup.dev/v1",
      dependsOn: [],
      mask: true,
      state: { path: "etc/motd" },
    },
  ]);
  expect(rowOf(service("web"), row.uid).uid).toBe(row.uid);
});
