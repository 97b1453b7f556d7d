import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { context, file, itemOf, keyFor, observe, place, service, sync, type Place } from "./testing/place.ts";

const modeOf = (at: Place, path: string): string => (statSync(join(at.root, path)).mode & 0o7777).toString(8);

describe("release", () => {
  it("an object's file is as it was, without the marks, and keeps its mode", async () => {
    using at = place();
    const manifest = service("web");
    const row = await sync(at.target, manifest);
    const [path = ""] = at.files();
    chmodSync(join(at.root, path), 0o640);
    const before = at.read(path) ?? "";
    expect(before).toContain("trueup.dev/tracking-id");
    await at.target.release?.(row, context());
    const after = at.read(path) ?? "";
    expect(after).not.toContain("trueup.dev/");
    for (const line of after.split("\n")) expect(before.split("\n")).toContain(line);
    expect([at.files(), modeOf(at, path)]).toEqual([[path], "640"]);
    const seen = await observe(at.target, manifest);
    expect(seen.status === "found" && at.target.ownerOf?.(seen.live, keyFor(manifest))).toBeUndefined();
  });

  it("of a raw file only the record goes", async () => {
    using at = place();
    const manifest = file("motd", { path: "etc/motd", content: "hello\n", mode: "0600" });
    const row = await sync(at.target, manifest);
    await at.target.release?.(row, context());
    expect([at.read("etc/motd"), modeOf(at, "etc/motd")]).toEqual(["hello\n", "600"]);
    expect(readdirSync(join(at.root, ".trueup/files"))).toEqual([]);
    await at.target.release?.(row, context());
    expect(at.read("etc/motd")).toBe("hello\n");
  });

  it("another application's raw file is left with its record", async () => {
    using at = place();
    const manifest = file("motd", { path: "etc/motd", content: "hello\n" });
    const row = await sync(at.target, manifest);
    const other = { ...context(), application: "other", owner: { installation: "test", application: "other" } };
    await expect(at.target.release?.(row, other)).rejects.toMatchObject({ code: "NOT_OURS" });
    expect(readdirSync(join(at.root, ".trueup/files"))).toHaveLength(1);
  });

  it("a file that a hand edit broke is left as it is: it holds no mark", async () => {
    using at = place();
    const row = await sync(at.target, service("web"));
    const [path = ""] = at.files();
    at.write(path, "not: [a manifest");
    await at.target.release?.(row, context());
    expect(at.read(path)).toBe("not: [a manifest");
  });

  it("nothing is written once the lease is lost", async () => {
    using at = place();
    const manifest = service("web");
    const row = await sync(at.target, manifest);
    const held = context();
    const lost = { ...held, lease: { ...held.lease, valid: () => false } };
    await expect(at.target.release?.(row, lost)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(itemOf(manifest, row).tracked).toEqual(row);
    expect(at.read(at.files()[0] ?? "")).toContain("trueup.dev/tracking-id");
  });
});
