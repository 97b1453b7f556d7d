import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { ignoredBy, parseIgnoreRules, type RulesAt } from "./ignore-rules.ts";
import { compareNames, MODE, oidOf, treeData, type TreeEntry } from "./object.ts";
import type { GitLimits } from "./options.ts";
import type { TreeReader } from "./tree.ts";

interface KnownFile {
  readonly stamp: string;
  readonly oid: string;
  readonly size: number;
}

/** What one scan found. */
interface Scan {
  readonly root: string;
  readonly trees: Map<string, readonly TreeEntry[]>;
  /** A place where each content stands, relative to the root. */
  readonly places: Map<string, { path: string; size: number }>;
  readonly directories: string[];
}

const KEPT_SCANS = 4;
const TURN_MS = 10;
const CHUNK = 1024 * 1024;
/** A file written this short a time ago may be written again without its time showing it. */
const RACY_MS = 50;
const NO_COMMIT = "0".repeat(40);

/** The files below a directory, with the ids that Git would give them. A file is read again only when its stat changed. */
export class WorkingFiles {
  readonly #root: string;
  readonly #limits: GitLimits;
  #known = new Map<string, KnownFile>();
  readonly #scans = new Map<string, Scan>();

  constructor(root: string, limits: GitLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  /** The tree id of what stands there now. */
  async scan(signal?: AbortSignal): Promise<string> {
    throwIfAborted(signal);
    if (!lstatSync(this.#root, { throwIfNoEntry: false })?.isDirectory()) {
      throw new TrueUpError("NOT_FOUND", `${this.#root} is no directory`);
    }
    const scan: Scan = { root: "", trees: new Map(), places: new Map(), directories: [] };
    const known = new Map<string, KnownFile>();
    let turn = performance.now();
    let count = 0;

    const directory = async (prefix: string, above: readonly RulesAt[], depth: number): Promise<string | undefined> => {
      if (depth > this.#limits.depth) {
        throw new TrueUpError("LIMIT", `${prefix}: directories are nested over limits.depth (${this.#limits.depth})`);
      }
      const path = join(this.#root, prefix);
      scan.directories.push(path);
      const rules = [...above, ...readRules(path, prefix)];
      const entries: TreeEntry[] = [];
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.name === ".git") continue;
        if (performance.now() - turn > TURN_MS) {
          throwIfAborted(signal);
          await nextTurn();
          turn = performance.now();
        }
        const name = prefix + entry.name;
        if (ignoredBy(rules, name, entry.isDirectory())) continue;
        if (++count > this.#limits.entries) {
          throw new TrueUpError(
            "LIMIT",
            `${this.#root} holds over limits.entries (${this.#limits.entries}) files and directories`,
          );
        }
        if (entry.isDirectory()) {
          if (existsSync(join(path, entry.name, ".git"))) {
            entries.push({ name: entry.name, mode: MODE.submodule, oid: NO_COMMIT });
            continue;
          }
          const oid = await directory(`${name}/`, rules, depth + 1);
          if (oid !== undefined) entries.push({ name: entry.name, mode: MODE.directory, oid });
        } else {
          const file = this.#file(name, known);
          if (file === undefined) continue;
          scan.places.set(file.oid, { path: name, size: file.size });
          entries.push({ name: entry.name, mode: file.mode, oid: file.oid });
        }
      }
      if (entries.length === 0 && prefix !== "") return undefined;
      const oid = oidOf("tree", treeData(entries));
      scan.trees.set(
        oid,
        entries.toSorted((a, b) => compareNames(a.name, b.name)),
      );
      return oid;
    };

    const root = (await directory("", excludes(this.#root), 1)) ?? oidOf("tree", treeData([]));
    this.#known = known;
    this.#scans.delete(root);
    this.#scans.set(root, { ...scan, root });
    for (const oldest of this.#scans.keys()) {
      if (this.#scans.size <= KEPT_SCANS) break;
      this.#scans.delete(oldest);
    }
    return root;
  }

  /** The directories of the last scan, to be watched. */
  directories(): readonly string[] {
    return [...this.#scans.values()].at(-1)?.directories ?? [this.#root];
  }

  /** What a scan found, by the tree id it gave. Undefined where that was long ago, or never. */
  view(id: string): TreeReader | undefined {
    const scan = this.#scans.get(id);
    if (scan === undefined) return undefined;
    const limit = this.#limits.objectBytes;
    return {
      has: (oid) => scan.places.has(oid),
      tree(oid) {
        const entries = scan.trees.get(oid);
        if (entries === undefined) throw new TrueUpError("INTERNAL", `tree ${oid} was not scanned`);
        return entries;
      },
      blob: (oid, path) => {
        const place = scan.places.get(oid);
        if (place === undefined) throw new TrueUpError("INTERNAL", `${path}: was not scanned`);
        if (place.size > limit) {
          throw new TrueUpError("LIMIT", `${path}: has ${place.size} bytes, over limits.objectBytes (${limit})`);
        }
        const data = readCurrent(join(this.#root, place.path));
        if (data === undefined || oidOf("blob", data) !== oid) {
          throw new TrueUpError("STALE", `${path}: changed after the working tree was resolved`);
        }
        return data;
      },
    };
  }

  #file(name: string, known: Map<string, KnownFile>): (KnownFile & { mode: number }) | undefined {
    const path = join(this.#root, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || !(stat.isFile() || stat.isSymbolicLink())) return undefined;
    const mode = stat.isSymbolicLink() ? MODE.symlink : stat.mode & 0o100 ? MODE.executable : MODE.file;
    const stamp = `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    const before = this.#known.get(name);
    const file = before?.stamp === stamp ? before : hashFile(path, stat, stamp);
    if (file !== undefined && Date.now() - stat.mtimeMs > RACY_MS) known.set(name, file);
    return file && { ...file, mode };
  }
}

function readCurrent(path: string): Buffer | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? Buffer.from(readlinkSync(path)) : readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Undefined where the file went away meanwhile. Large files are never held whole. */
function hashFile(path: string, stat: Stats, stamp: string): KnownFile | undefined {
  try {
    if (stat.isSymbolicLink() || stat.size <= CHUNK) {
      const data = stat.isSymbolicLink() ? Buffer.from(readlinkSync(path)) : readFileSync(path);
      return { stamp, oid: oidOf("blob", data), size: data.length };
    }
    const hash = createHash("sha1").update(`blob ${stat.size}\0`);
    const buffer = Buffer.allocUnsafe(CHUNK);
    const file = openSync(path, "r");
    try {
      for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
        hash.update(buffer.subarray(0, read));
    } finally {
      closeSync(file);
    }
    return { stamp, oid: hash.digest("hex"), size: stat.size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function excludes(root: string): RulesAt[] {
  const file = join(root, ".git", "info", "exclude");
  return existsSync(file) ? [{ prefix: "", rules: parseIgnoreRules(readFileSync(file, "utf8")) }] : [];
}

function readRules(directory: string, prefix: string): RulesAt[] {
  const file = join(directory, ".gitignore");
  return existsSync(file) ? [{ prefix, rules: parseIgnoreRules(readFileSync(file, "utf8")) }] : [];
}
