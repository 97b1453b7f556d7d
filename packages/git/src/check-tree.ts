import { setImmediate as nextTurn } from "node:timers/promises";
import { TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { MODE, type TreeEntry } from "./object.ts";
import type { GitLimits } from "./options.ts";
import type { TreeReader } from "./tree.ts";

interface Checked {
  /** Paths below it, directories counted too. */
  readonly entries: number;
  readonly depth: number;
}

export interface CheckOptions {
  readonly limits: Pick<GitLimits, "entries" | "depth">;
  /** Trees that passed before: a new commit costs what changed. Grows. */
  readonly checked: Map<string, Checked>;
  /** Whether every file must be there: after a fetch. */
  readonly complete: boolean;
  readonly signal?: AbortSignal;
}

const MAX_REMEMBERED = 200_000;
const TURN_MS = 10;

/**
 * Refuses a tree that could harm or deceive: names that lead elsewhere (`..`, `.git`, `a/b`, `a\b`), doubles, names that differ
 * in case only, more paths or depth than the limits. A tree that stands in many places is looked at once and counted each time,
 * so that a bomb of a few hundred bytes is refused in a few steps. Throws `INVALID`, `LIMIT`, `INCOMPLETE`.
 */
export async function checkTree(oid: string, source: TreeReader, options: CheckOptions): Promise<void> {
  const { limits, checked, signal } = options;
  let turn = performance.now();

  async function check(oid: string, path: string, depth: number): Promise<Checked> {
    const before = checked.get(oid);
    if (before !== undefined && depth + before.depth <= limits.depth && before.entries <= limits.entries) return before;
    if (depth >= limits.depth) {
      throw new TrueUpError("LIMIT", `${path}: directories are nested over limits.depth (${limits.depth})`);
    }
    if (performance.now() - turn > TURN_MS) {
      throwIfAborted(signal);
      await nextTurn();
      turn = performance.now();
    }
    const entries = source.tree(oid);
    checkNames(entries, path);
    let count = entries.length;
    let deepest = 1;
    for (const entry of entries) {
      if (entry.mode === MODE.directory) {
        const below = await check(entry.oid, path === "" ? entry.name : `${path}/${entry.name}`, depth + 1);
        count += below.entries;
        deepest = Math.max(deepest, below.depth + 1);
      } else if (options.complete && entry.mode !== MODE.submodule && !source.has(entry.oid)) {
        throw new TrueUpError("INCOMPLETE", `${path}/${entry.name}: the server left out object ${entry.oid}`);
      }
      if (count > limits.entries) {
        throw new TrueUpError("LIMIT", `the tree holds over limits.entries (${limits.entries}) files and directories`);
      }
    }
    const result = { entries: count, depth: deepest };
    if (checked.size >= MAX_REMEMBERED) checked.clear();
    checked.set(oid, result);
    return result;
  }

  await check(oid, "", 0);
}

const KNOWN_MODES: ReadonlySet<number> = new Set([...Object.values(MODE), 0o100664]);

/** Throws `INVALID` for a directory with a name that is refused. `path` is `""` for the root. */
export function checkNames(entries: readonly TreeEntry[], path: string): void {
  const folded = new Map<string, string>();
  for (const { name, mode } of entries) {
    const refuse = (what: string): TrueUpError =>
      new TrueUpError(
        "INVALID",
        `the tree is refused: ${what} ${JSON.stringify(name)} in ${JSON.stringify(`${path}/`)}`,
      );
    const problem = badName(name);
    if (problem !== undefined) throw refuse(problem);
    if (!KNOWN_MODES.has(mode)) throw refuse(`mode ${mode.toString(8)} of`);
    const fold = name.normalize("NFC").toLowerCase();
    const other = folded.get(fold);
    if (other === name) throw refuse("two entries named");
    if (other !== undefined) throw refuse(`a name that differs from ${JSON.stringify(other)} in case only:`);
    folded.set(fold, name);
  }
}

/** What is wrong with the name of a file or directory, if anything is. */
export function badName(name: string): string | undefined {
  if (name === "") return "an empty name";
  if (name === "." || name === "..") return "a name that leads elsewhere:";
  if (name.includes("/")) return "a slash in";
  if (name.includes("\\")) return "a backslash in";
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(name)) return "a control character in";
  // Also as NTFS and HFS+ would read it: short name, trailing dots and spaces, ignored code points.
  const plain = name.replaceAll(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "").replace(/[. ]+$/, "");
  if (/^(?:\.git|git~1)$/i.test(plain)) return "a name that is Git's own:";
  return undefined;
}
