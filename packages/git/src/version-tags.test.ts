import { describe, expect, it } from "vitest";
import { newestTag } from "./version-tags.ts";

const tags = (...names: string[]) => names.map((name) => ({ name: `refs/tags/${name}`, oid: "a".repeat(40) }));
const newest = (range: string, names: string[], prereleases?: boolean): string | undefined =>
  newestTag(tags(...names), { semver: range, ...(prereleases !== undefined && { prereleases }) })?.name.slice(10);

describe("newestTag", () => {
  it("takes the highest version, not the last name", () => {
    expect(newest("*", ["1.9.0", "1.10.0", "1.2.0"])).toBe("1.10.0");
    expect(newest("^1.2", ["v1.2.3", "v1.3.0", "v2.0.0"])).toBe("v1.3.0");
    expect(newest("<1", ["1.0.0"])).toBeUndefined();
  });

  it("leaves prereleases out unless they are wanted", () => {
    const names = ["v1.0.0", "v2.0.0-rc.1"];
    expect(newest(">=1", names)).toBe("v1.0.0");
    expect(newest(">=1", names, true)).toBe("v2.0.0-rc.1");
    expect(newest(">=2.0.0-rc.0", names)).toBe("v2.0.0-rc.1");
  });

  it("passes over what is no version or no tag", () => {
    expect(newest("*", ["latest", "v1", "1.2", "release-1.0.0", "V1.0.0", "v1.0.0.0", "v01.0.0"])).toBeUndefined();
    expect(newestTag([{ name: "refs/heads/1.0.0", oid: "x" }], { semver: "*" })).toBeUndefined();
  });

  it("does not depend on the order", () => {
    const names = ["1.0.0", "v1.0.0", "v1.0.0+build.2", "v1.0.0+build.1"];
    expect(newest("*", names)).toBe("v1.0.0+build.2");
    expect(newest("*", names.toReversed())).toBe("v1.0.0+build.2");
    expect(newest("*", ["1.0.0", "v1.0.0"])).toBe("v1.0.0");
    expect(newest("*", ["v1.0.0", "1.0.0"])).toBe("v1.0.0");
  });

  it("refuses what is no range", () => {
    expect(() => newest("latest", [])).toThrow(
      expect.objectContaining({ code: "INVALID", message: 'ref: "latest" is not a semver range' }),
    );
  });
});
