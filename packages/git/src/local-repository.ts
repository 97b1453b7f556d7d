import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { TrueUpError } from "@trueup/spec";
import { OID } from "./oid.ts";
import { parseTag } from "./object.ts";
import { repositoryObjects, type Objects } from "./object-store.ts";
import { isRefName, type ListedRef } from "./ref.ts";

export interface LocalRepository {
  readonly objects: Objects;
  /** The refs whose names begin with one of the prefixes, peeled. */
  list(prefixes: readonly string[]): ListedRef[];
  /** Where objects and branches are. */
  readonly common: string;
  /** The branch that a work tree shows, if there is one. */
  readonly checkedOut?: string;
}

const MAX_SYMREFS = 5;

/** A repository on this machine, with or without a work tree. Read as it stands, never written. Throws `NOT_FOUND`, `UNSUPPORTED`. */
export function openLocalRepository(path: string, objectBytes: number): LocalRepository {
  const gitDirectory = findGitDirectory(resolve(path));
  const common = commonDirectory(gitDirectory);
  refuseUnknownFormat(common);
  const objects = repositoryObjects(join(common, "objects"), objectBytes);

  function readRef(name: string): string | undefined {
    if (!isRefName(name)) return undefined;
    // HEAD and its like are a work tree's own; branches and tags are shared.
    const text = readText(join(name.startsWith("refs/") ? common : gitDirectory, name));
    return text?.trim();
  }

  /** Follows a symbolic ref to what it stands for. */
  function follow(name: string, packed: ReadonlyMap<string, ListedRef>): ListedRef | undefined {
    let current = name;
    for (let i = 0; i < MAX_SYMREFS; i++) {
      const text = readRef(current);
      if (text?.startsWith("ref: ")) {
        current = text.slice(5).trim();
        continue;
      }
      const found = text !== undefined && OID.test(text) ? peel({ name, oid: text }) : packed.get(current);
      if (found === undefined) return undefined;
      return { ...found, name, ...(current !== name && { target: current }) };
    }
    return undefined;
  }

  function peel(ref: ListedRef): ListedRef {
    let oid = ref.oid;
    for (let i = 0; i < MAX_SYMREFS; i++) {
      const object = objects.read(oid);
      if (object?.type !== "tag" || !("data" in object)) break;
      oid = parseTag(oid, object.data).object;
    }
    return oid === ref.oid ? ref : { ...ref, peeled: oid };
  }

  const head = readText(join(gitDirectory, "HEAD"))?.trim();
  const isBare = /^[ \t]*bare[ \t]*=[ \t]*true/im.test(readText(join(common, "config")) ?? "");
  return {
    objects,
    common,
    ...(!isBare && head?.startsWith("ref: ") && { checkedOut: head.slice(5) }),
    list(prefixes) {
      const packed = readPackedRefs(join(common, "packed-refs"));
      const names = new Set([...packed.keys(), ...looseRefs(common, "refs"), "HEAD"]);
      return [...names]
        .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
        .toSorted()
        .flatMap((name) => follow(name, packed) ?? []);
    },
  };
}

function findGitDirectory(path: string): string {
  for (const candidate of [join(path, ".git"), path]) {
    const stat = statSync(candidate, { throwIfNoEntry: false });
    if (stat?.isFile() && candidate !== path) {
      const link = /^gitdir: (.+)\n?$/.exec(readFileSync(candidate, "utf8"))?.[1];
      if (link !== undefined) return resolve(path, link);
    }
    if (stat?.isDirectory() && existsSync(join(candidate, "HEAD")) && existsSync(join(candidate, "refs")))
      return candidate;
  }
  throw new TrueUpError("NOT_FOUND", `${path} is no Git repository`);
}

function commonDirectory(gitDirectory: string): string {
  const common = readText(join(gitDirectory, "commondir"));
  return common === undefined ? gitDirectory : resolve(gitDirectory, common.trim());
}

function refuseUnknownFormat(common: string): void {
  const config = readText(join(common, "config")) ?? "";
  const format = /^[ \t]*(objectformat|refstorage)[ \t]*=[ \t]*(\w+)/gim;
  for (const [, key, value] of config.matchAll(format)) {
    if (value === "sha1" || value === "files") continue;
    throw new TrueUpError("UNSUPPORTED", `the repository's ${key} is ${value}`);
  }
}

/** `packed-refs`: lines of id and name, each followed by `^` and what it peels to where it is an annotated tag. */
export function parsePackedRefs(text: string): Map<string, ListedRef> {
  const refs = new Map<string, ListedRef>();
  let last: ListedRef | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("^") && last !== undefined) {
      refs.set(last.name, { ...last, peeled: line.slice(1).trim() });
    } else if (!line.startsWith("#")) {
      const oid = line.slice(0, 40);
      if (!OID.test(oid)) continue;
      last = { name: line.slice(41).trim(), oid };
      refs.set(last.name, last);
    }
  }
  return refs;
}

function readPackedRefs(path: string): Map<string, ListedRef> {
  return parsePackedRefs(readText(path) ?? "");
}

function looseRefs(common: string, directory: string): string[] {
  const entries = readdirSync(join(common, directory), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = `${directory}/${entry.name}`;
    return entry.isDirectory() ? looseRefs(common, name) : [name];
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A directory stands where another ref's name goes on: `refs/heads/a` and `refs/heads/a/b`.
    if (code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
