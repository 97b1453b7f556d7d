import { describe, expect, it } from "vitest";
import { oidOf, parseCommit, parseTag, parseTree } from "./object.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const C = "c".repeat(40);

describe("oidOf", () => {
  it("is what git hash-object says", () => {
    expect(oidOf("blob", Buffer.alloc(0))).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    expect(oidOf("blob", Buffer.from("hello\n"))).toBe("ce013625030ba8dba906f756967f9e9ca394464a");
    expect(oidOf("tree", Buffer.alloc(0))).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
  });
});

describe("parseCommit", () => {
  it("reads every field", () => {
    const text = `tree ${A}\nparent ${B}\nparent ${C}\nauthor Ann Example <ann@example.com> 1700000000 +0100\ncommitter Bob <bob@example.com> 1700000060 -0330\n\nTitle\n\nBody\n`;
    expect(parseCommit("id", Buffer.from(text))).toEqual({
      id: "id",
      tree: A,
      parents: [B, C],
      author: { name: "Ann Example", email: "ann@example.com" },
      committer: { name: "Bob", email: "bob@example.com" },
      time: 1_700_000_060_000,
      message: "Title\n\nBody\n",
    });
  });

  it("does not take a signature's lines for fields", () => {
    const text = `tree ${A}\ngpgsig -----BEGIN\n parent ${B}\n tree ${B}\n -----END\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 2 +0000\n\nparent ${C}\n`;
    const commit = parseCommit("id", Buffer.from(text));
    expect(commit.parents).toEqual([]);
    expect(commit.tree).toBe(A);
    expect(commit.message).toBe(`parent ${C}\n`);
  });

  it("survives people without name, address or time", () => {
    const commit = parseCommit("id", Buffer.from(`tree ${A}\nauthor <> 5 +0000\ncommitter nobody\n\n`));
    expect(commit.author).toEqual({ name: "", email: "" });
    expect(commit.committer).toEqual({ name: "nobody", email: "" });
    expect(commit.time).toBe(0);
    expect(commit.message).toBe("");
    const odd = parseCommit("id", Buffer.from(`tree ${A}\nauthor a>b <c@d> 5 +0000\ncommitter  x <y> z \n\n`));
    expect(odd.author).toEqual({ name: "a>b <c@d> 5 +0000", email: "" });
    expect(odd.committer).toEqual({ name: "x <y> z", email: "" });
    expect(odd.time).toBe(0);
    const bare = parseCommit("id", Buffer.from(`tree ${A}\n\nx`));
    expect([bare.author, bare.committer, bare.time]).toEqual([{ name: "", email: "" }, { name: "", email: "" }, 0]);
  });

  it("refuses one without a tree", () => {
    expect(() => parseCommit("id", Buffer.from("author a <a@b> 1 +0000\n\n"))).toThrow(
      failure("INVALID", "commit id names no tree"),
    );
    expect(() => parseCommit("id", Buffer.from(`tree ${A}0\n\n`))).toThrow(
      failure("INVALID", "commit id names no tree"),
    );
    expect(() => parseCommit("id", Buffer.from("tree"))).toThrow(failure("INVALID", "commit id names no tree"));
  });

  it("leaves out a parent that is no id", () => {
    expect(parseCommit("id", Buffer.from(`tree ${A}\nparent x\nparent ${B}`)).parents).toEqual([B]);
  });
});

describe("parseTag", () => {
  it("reads what it stands for", () => {
    const text = `object ${A}\ntype commit\ntag v1\ntagger a <a@b> 1 +0000\n\nfirst\n`;
    expect(parseTag("id", Buffer.from(text))).toEqual({ object: A, type: "commit", tag: "v1", message: "first\n" });
  });

  it("refuses one that stands for nothing", () => {
    expect(() => parseTag("id", Buffer.from("tag v1\n\n"))).toThrow(failure("INVALID", "tag id names no object"));
  });
});

describe("parseTree", () => {
  const entry = (mode: string, name: string, oid = A): Buffer =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, "hex")]);

  it("reads entries in their order", () => {
    expect(parseTree("id", Buffer.concat([entry("100644", "b"), entry("40000", "ä", B)]))).toEqual([
      { name: "b", mode: 0o100644, oid: A },
      { name: "ä", mode: 0o40000, oid: B },
    ]);
    expect(parseTree("id", Buffer.alloc(0))).toEqual([]);
  });

  it("keeps a byte order mark", () => {
    expect(parseTree("id", entry("100644", "\ufeffa"))[0]?.name).toBe("\ufeffa");
  });

  it("refuses damage, and says where", () => {
    const whole = Buffer.concat([entry("100644", "b"), entry("100644", "c")]);
    for (let at = 1; at < whole.length; at++) {
      if (at === 29) continue;
      expect(() => parseTree("id", whole.subarray(0, at)), `cut at ${at}`).toThrow(
        /^tree id is damaged at byte (?:0|29)$/,
      );
    }
    expect(() => parseTree("id", entry("100x44", "b"))).toThrow(failure("INVALID", "tree id is damaged at byte 0"));
    expect(() => parseTree("id", entry("1006440", "b"))).toThrow(failure("INVALID", "tree id is damaged at byte 0"));
    expect(() => parseTree("id", entry("6440", "b"))).toThrow(failure("INVALID", "tree id is damaged at byte 0"));
  });

  it("refuses a name that is not UTF-8", () => {
    const bytes = Buffer.concat([
      Buffer.from("100644 "),
      Buffer.from([0x66, 0xff]),
      Buffer.from("\0"),
      Buffer.alloc(20),
    ]);
    expect(() => parseTree("id", bytes)).toThrow('tree id holds a name that is not UTF-8: "fÿ"');
  });
});
