import { createHash } from "node:crypto";
import { TrueUpError, type Commit, type Signature } from "@trueup/spec";
import { OID } from "./oid.ts";

export type ObjectType = "commit" | "tree" | "blob" | "tag";

export interface GitObject {
  readonly type: ObjectType;
  readonly data: Buffer;
}

/** An object that is too large to be read: what it would be. */
export interface LargeObject {
  readonly type: ObjectType;
  readonly size: number;
}

/** The object's id, in hex: SHA-1 over its type, size and content. */
export function oidOf(type: ObjectType, data: Uint8Array): string {
  return createHash("sha1").update(`${type} ${data.length}\0`).update(data).digest("hex");
}

/** The header fields of a commit or tag, in order, and its message. Continued lines (signatures) are joined. */
function parseHeaders(data: Buffer): { headers: [name: string, value: string][]; message: string } {
  const text = data.toString("utf8");
  const headers: [string, string][] = [];
  let position = 0;
  while (position < text.length && text[position] !== "\n") {
    let end = text.indexOf("\n", position);
    if (end === -1) end = text.length;
    const line = text.slice(position, end);
    const last = headers.at(-1);
    if (line.startsWith(" ") && last !== undefined) {
      last[1] += `\n${line.slice(1)}`;
    } else {
      const space = line.indexOf(" ");
      headers.push(space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)]);
    }
    position = end + 1;
  }
  return { headers, message: text.slice(position + 1) };
}

const IDENT = /^([^<>]*)<([^<>]*)> (\d{1,15})/;

function parseIdent(text: string): Signature & { time: number } {
  const match = IDENT.exec(text);
  if (match === null) return { name: text.trim(), email: "", time: 0 };
  return { name: (match[1] ?? "").trim(), email: match[2] ?? "", time: Number(match[3]) * 1000 };
}

export interface ParsedCommit extends Commit {
  readonly tree: string;
}

/** Throws `INVALID` where it names no tree. */
export function parseCommit(id: string, data: Buffer): ParsedCommit {
  const { headers, message } = parseHeaders(data);
  const field = (name: string): string | undefined => headers.find(([field]) => field === name)?.[1];
  const tree = field("tree") ?? "";
  if (!OID.test(tree)) throw new TrueUpError("INVALID", `commit ${id} names no tree`);
  const { time: _, ...author } = parseIdent(field("author") ?? "");
  const { time, ...committer } = parseIdent(field("committer") ?? "");
  const parents = headers.filter(([name, value]) => name === "parent" && OID.test(value)).map(([, value]) => value);
  return { id, tree, author, committer, message, time, parents };
}

export interface ParsedTag {
  readonly object: string;
  readonly type: ObjectType;
  readonly tag: string;
  readonly message: string;
}

/** An annotated tag. Throws `INVALID` where it names no object. */
export function parseTag(id: string, data: Buffer): ParsedTag {
  const { headers, message } = parseHeaders(data);
  const field = (name: string): string => headers.find(([field]) => field === name)?.[1] ?? "";
  if (!OID.test(field("object"))) throw new TrueUpError("INVALID", `tag ${id} names no object`);
  return { object: field("object"), type: field("type") as ObjectType, tag: field("tag"), message };
}

/** When an annotated tag says it was made; 0 where it does not. Milliseconds since the epoch. */
export function taggerTime(data: Buffer): number {
  const tagger = parseHeaders(data).headers.find(([field]) => field === "tagger")?.[1];
  return parseIdent(tagger ?? "").time;
}

export interface TreeEntry {
  readonly name: string;
  /** `40000` directory, `100644` and `100755` file, `120000` symbolic link, `160000` submodule. */
  readonly mode: number;
  readonly oid: string;
}

export const MODE = {
  directory: 0o40000,
  file: 0o100644,
  executable: 0o100755,
  symlink: 0o120000,
  submodule: 0o160000,
};

const sortKey = ({ name, mode }: TreeEntry): string => (mode === MODE.directory ? `${name}/` : name);

/** A tree object: entries by the bytes of their names, in which a directory's ends in a slash. */
export function treeData(entries: readonly TreeEntry[]): Buffer {
  const parts = entries
    .toSorted((a, b) => compareNames(sortKey(a), sortKey(b)))
    .flatMap(({ name, mode, oid }) => [Buffer.from(`${mode.toString(8)} ${name}\0`), Buffer.from(oid, "hex")]);
  return Buffer.concat(parts);
}

/** UTF-8 byte order, which UTF-16 order is too, except where there are surrogates. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  if (/[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

export interface Person extends Signature {
  /** Milliseconds since the epoch. */
  readonly time: number;
}

const ident = ({ name, email, time }: Person): string => {
  // What stands between the parts may not stand in them.
  // oxlint-disable-next-line no-control-regex
  const clean = (text: string): string => text.replaceAll(/[\0-\x1f<>]/g, " ").trim();
  return `${clean(name)} <${clean(email)}> ${Math.floor(time / 1000)} +0000`;
};

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  readonly message: string;
}

/** A commit object. `signature` is of the same object without one. */
export function commitData(commit: NewCommit, signature?: string): Buffer {
  const lines = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${ident(commit.author)}`,
    `committer ${ident(commit.committer)}`,
    ...(signature === undefined ? [] : [`gpgsig ${signature.trimEnd().replaceAll("\n", "\n ")}`]),
  ];
  return Buffer.from(`${lines.join("\n")}\n\n${withLineEnd(commit.message)}`);
}

export interface NewTag {
  readonly object: string;
  readonly tag: string;
  readonly tagger: Person;
  readonly message: string;
}

/** An annotated tag of a commit. A signature stands at its end. */
export function tagData({ object, tag, tagger, message }: NewTag, signature = ""): Buffer {
  return Buffer.from(
    `object ${object}\ntype commit\ntag ${tag}\ntagger ${ident(tagger)}\n\n${withLineEnd(message)}${signature}`,
  );
}

const withLineEnd = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The entries as they stand. Throws `INVALID` where the bytes are no tree; names are checked by `checkTree`. */
export function parseTree(id: string, data: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let position = 0;
  while (position < data.length) {
    const space = data.indexOf(0x20, position);
    const nul = space === -1 ? -1 : data.indexOf(0, space);
    const mode = space === -1 ? "" : data.toString("latin1", position, space);
    if (nul === -1 || nul + 21 > data.length || !/^[0-7]{5,6}$/.test(mode)) {
      throw new TrueUpError("INVALID", `tree ${id} is damaged at byte ${position}`);
    }
    entries.push({
      name: decodeName(id, data.subarray(space + 1, nul)),
      mode: Number.parseInt(mode, 8),
      oid: data.toString("hex", nul + 1, nul + 21),
    });
    position = nul + 21;
  }
  return entries;
}

function decodeName(tree: string, bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TrueUpError(
      "INVALID",
      `tree ${tree} holds a name that is not UTF-8: ${JSON.stringify(bytes.toString("latin1"))}`,
    );
  }
}
