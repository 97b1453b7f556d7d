import { describe, expect, it } from "vitest";
import { lfsEndpoint } from "./lfs-endpoint.ts";
import { isLfsPointer, parseLfsPointer } from "./lfs-pointer.ts";

const OID = "a".repeat(64);
const pointer = (text: string): Buffer => Buffer.from(`version https://git-lfs.github.com/spec/v1\n${text}`);

describe("an LFS pointer", () => {
  it("is told by its first line and its size", () => {
    expect(isLfsPointer(pointer(""))).toBe(true);
    expect(isLfsPointer(Buffer.from("version https://git-lfs.github.com/spec/v2\n"))).toBe(false);
    expect(isLfsPointer(Buffer.from(`x${pointer("").toString()}`))).toBe(false);
    const full = Buffer.concat([pointer(""), Buffer.alloc(1023)]);
    expect(isLfsPointer(full.subarray(0, 1023))).toBe(true);
    expect(isLfsPointer(full.subarray(0, 1024))).toBe(false);
  });

  it("names an object", () => {
    expect(parseLfsPointer(pointer(`ext-0-foo sha256:x\noid sha256:${OID}\nsize 12\n`))).toEqual({
      oid: OID,
      size: 12,
    });
    for (const text of [
      `oid sha256:${OID}\n`,
      "size 12\n",
      `oid md5:${OID}\nsize 1\n`,
      `oid sha256:${OID}a\nsize 1\n`,
      `oid sha256:${OID}\nsize -1\n`,
      `oid sha256:${OID}\nsize 1234567890123456\n`,
      `x oid sha256:${OID}\nx size 1\n`,
    ])
      expect(parseLfsPointer(pointer(text)), text).toBeUndefined();
  });
});

it.each([
  ["https://host/team/repo", "https://host/team/repo.git/info/lfs"],
  ["https://host/team/repo.git/", "https://host/team/repo.git/info/lfs"],
  ["http://host/repo?x#y", "http://host/repo.git/info/lfs"],
])("the LFS server of %s is %s", (url, endpoint) => expect(lfsEndpoint(url)).toBe(endpoint));
