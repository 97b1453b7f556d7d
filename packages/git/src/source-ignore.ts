import { createHash } from "node:crypto";
import { TrueUpError, type Tree } from "@trueup/spec";
import { ignoredBy, parseIgnoreRules, type RulesAt } from "./ignore-rules.ts";
import { compareNames, MODE, oidOf, treeData, type TreeEntry } from "./object.ts";
import { gitTree, type TreeReader } from "./tree.ts";

const FILE = ".sourceignore";
const REMEMBERED = 100_000;
const MAX_BYTES = 64 * 1024;
const MAX_LINE = 1000;
/** Rules looked at in one tree, times paths: some seconds. */
const MAX_CHECKS = 20_000_000;

/**
 * Trees without what `.sourceignore` files and the caller's patterns name, in gitignore(5) syntax; the caller's have the last word.
 * What is left has the id that a tree of just that would have: a change of what is ignored changes no digest.
 */
export function sourceIgnore(reader: TreeReader, patterns: string): (root: string) => Tree {
  const own: RulesAt[] = patterns === "" ? [] : [{ prefix: "", rules: parseIgnoreRules(patterns) }];
  const made = new Map<string, readonly TreeEntry[]>();
  const mentions = new Map<string, boolean>();
  // By rules, place and tree: `""` stands for a directory of which nothing is left.
  const left = new Map<string, string>();
  let checks = 0;
  const filtered: TreeReader = {
    tree: (oid) => made.get(oid) ?? reader.tree(oid),
    blob: (oid, path) => reader.blob(oid, path),
    has: (oid) => reader.has(oid),
  };

  /** Whether there is a `.sourceignore` anywhere below. */
  function mentionsRules(oid: string): boolean {
    const known = mentions.get(oid);
    if (known !== undefined) return known;
    const found = reader
      .tree(oid)
      .some(({ name, mode, oid }) => (mode === MODE.directory ? mentionsRules(oid) : name === FILE));
    mentions.set(oid, found);
    return found;
  }

  function rulesOf(entries: readonly TreeEntry[], prefix: string): RulesAt[] {
    const file = entries.find(({ name, mode }) => name === FILE && (mode === MODE.file || mode === MODE.executable));
    if (file === undefined) return [];
    const data = reader.blob(file.oid, prefix + FILE);
    const text = data.toString("utf8");
    if (data.length > MAX_BYTES || text.split("\n").some((line) => line.length > MAX_LINE)) {
      throw new TrueUpError(
        "LIMIT",
        `${prefix}${FILE}: is over ${MAX_BYTES} bytes, or ${MAX_LINE} characters in a line`,
      );
    }
    return [{ prefix, rules: parseIgnoreRules(text) }];
  }

  function filter(oid: string, prefix: string, above: readonly RulesAt[], stamp: string): string {
    if (above.length === 0 && own.length === 0 && !mentionsRules(oid)) return oid;
    const key = `${stamp} ${oid} ${prefix}`;
    const known = left.get(key);
    if (known !== undefined) return known;
    const entries = reader.tree(oid);
    const here = rulesOf(entries, prefix);
    const levels = [...above, ...here];
    const inner = here.length === 0 ? stamp : createHash("sha1").update(`${stamp} ${oid} ${prefix}`).digest("hex");
    checks += entries.length * [...levels, ...own].reduce((sum, { rules }) => sum + rules.length, 0);
    if (checks > MAX_CHECKS)
      throw new TrueUpError("LIMIT", `${prefix}: there are too many ${FILE} rules for the files of the tree`);
    const kept = entries.flatMap((entry): TreeEntry[] => {
      const path = prefix + entry.name;
      const isDirectory = entry.mode === MODE.directory;
      if (ignoredBy([...levels, ...own], path, isDirectory)) return [];
      if (!isDirectory) return [entry];
      const child = filter(entry.oid, `${path}/`, levels, inner);
      return child === "" ? [] : [{ ...entry, oid: child }];
    });
    const result = kept.length === 0 ? "" : keep(kept);
    left.set(key, result);
    return result;
  }

  function keep(entries: readonly TreeEntry[]): string {
    const oid = oidOf("tree", treeData(entries));
    made.set(
      oid,
      entries.toSorted((a, b) => compareNames(a.name, b.name)),
    );
    return oid;
  }

  return (root) => {
    if (left.size > REMEMBERED || mentions.size > REMEMBERED) {
      left.clear();
      mentions.clear();
    }
    checks = 0;
    return gitTree(filtered, filter(root, "", [], "") || keep([]));
  };
}
