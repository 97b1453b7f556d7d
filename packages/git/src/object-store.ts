import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { randomBytes } from "node:crypto";
import { TrueUpError } from "@trueup/spec";
import { oidOf, type GitObject, type LargeObject, type ObjectType } from "./object.ts";
import { fileBytes, memoryBytes, Pack } from "./pack.ts";
import { useMarker } from "./evict-cache.ts";
import { PackIndex } from "./pack-index.ts";
import type { IngestedPack } from "./pack-ingest.ts";

/** Objects by id. What is read was checked against its id. */
export interface Objects {
  /** Undefined where it is absent. Throws `INCOMPLETE` where it is damaged. */
  read(oid: string): GitObject | LargeObject | undefined;
  has(oid: string): boolean;
  /** What other processes removed from disk since, and somebody here may still read. */
  readRetired?(oid: string): GitObject | LargeObject | undefined;
  /** Goes up when objects that were there may be so no more. */
  readonly removals: number;
  close(): void;
}

export interface ObjectStore extends Objects {
  /** Keeps a pack. Several processes may do so at once: files are named by their content and appear whole. */
  add(pack: IngestedPack): void;
  /** Names of the packs. */
  packs(): readonly string[];
  /** Drops packs. Where another process reads them, it goes on doing so. */
  remove(names: readonly string[]): void;
  /** Whatever is here stays readable, also if other processes remove it, until the answer is called. */
  hold(): () => void;
  /** Says that the repository is in use, to whoever makes room. */
  touch(): void;
}

/** Packs in memory, for one source. */
export function memoryStore(objectBytes: number): ObjectStore {
  const packs = new PackSet(objectBytes);
  return {
    read: (oid) => packs.read(oid),
    has: (oid) => packs.has(oid),
    get removals() {
      return packs.removals;
    },
    add: ({ pack, index, checksum }) =>
      packs.add(new Pack(`pack-${checksum}`, memoryBytes(pack), new PackIndex(index))),
    packs: () => packs.packs.map(({ name }) => name),
    remove: (names) => names.forEach((name) => packs.removeNamed(name)),
    hold: () => () => {},
    touch: () => {},
    close: () => packs.close(),
  };
}

/** Packs in a directory that several sources and processes may share. What is damaged is thrown away, to be fetched again. */
export function diskStore(directory: string, objectBytes: number): ObjectStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const packs = new PackDirectory(directory, objectBytes, { discardDamaged: true });
  const touch = useMarker(directory);
  return {
    read: (oid) => packs.read(oid),
    readRetired: (oid) => packs.readRetired(oid),
    has: (oid) => packs.has(oid),
    get removals() {
      return packs.removals;
    },
    add({ pack, index, checksum }) {
      // What is open under that name may be damaged, and is why it was fetched again.
      packs.forget(`pack-${checksum}`);
      // Somebody who made room may have removed it.
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // The index last: a pack counts once it has one.
      writeWhole(directory, `pack-${checksum}.pack`, pack);
      writeWhole(directory, `pack-${checksum}.idx`, index);
      packs.refresh();
    },
    packs: () => packs.names(),
    remove: (names) => names.forEach((name) => packs.discard(name)),
    hold: () => packs.hold(),
    touch,
    close: () => packs.close(),
  };
}

function writeWhole(directory: string, name: string, bytes: Buffer): void {
  const temporary = join(directory, `tmp-${randomBytes(8).toString("hex")}`);
  try {
    writeFileSync(temporary, bytes, { mode: 0o600, flag: "wx" });
    renameSync(temporary, join(directory, name));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The objects of a repository on this machine: loose ones, packs, and those of its alternates. Nothing is written. */
export function repositoryObjects(objectsDirectory: string, objectBytes: number): Objects {
  const directories = withAlternates(objectsDirectory);
  const packs = directories.map(
    (path) => new PackDirectory(join(path, "pack"), objectBytes, { discardDamaged: false }),
  );
  return {
    read(oid) {
      for (const pack of packs) {
        const object = pack.read(oid);
        if (object !== undefined) return object;
      }
      for (const path of directories) {
        const object = readLoose(path, oid, objectBytes);
        if (object !== undefined) return object;
      }
      // Between the two looks it may have been packed.
      for (const pack of packs) {
        const object = pack.refresh() ? pack.read(oid) : undefined;
        if (object !== undefined) return object;
      }
      return undefined;
    },
    readRetired(oid) {
      for (const pack of packs) {
        const object = pack.readRetired(oid);
        if (object !== undefined) return object;
      }
      return undefined;
    },
    has: (oid) => packs.some((pack) => pack.has(oid)) || directories.some((path) => existsSync(loosePath(path, oid))),
    removals: 0,
    close: () => packs.forEach((pack) => pack.close()),
  };
}

const MAX_ALTERNATES = 16;

function withAlternates(objectsDirectory: string): string[] {
  const directories = [objectsDirectory];
  for (let i = 0; i < directories.length && directories.length < MAX_ALTERNATES; i++) {
    const from = directories[i] ?? "";
    const file = join(from, "info", "alternates");
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const path = line.startsWith("/") ? line : join(from, line);
      if (!directories.includes(path)) directories.push(path);
    }
  }
  return directories;
}

const loosePath = (directory: string, oid: string): string => join(directory, oid.slice(0, 2), oid.slice(2));

function readLoose(directory: string, oid: string, limit: number): GitObject | LargeObject | undefined {
  let compressed: Buffer;
  try {
    compressed = readFileSync(loosePath(directory, oid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const damaged = (cause?: unknown): TrueUpError =>
    new TrueUpError("INCOMPLETE", `object ${oid} of the repository is damaged`, { cause });
  let inflated: Buffer;
  try {
    inflated = inflateSync(compressed, { maxOutputLength: limit + 32 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw damaged(error);
    return { type: "blob", size: limit + 1 };
  }
  const nul = inflated.indexOf(0);
  const match = /^(commit|tree|blob|tag) (\d+)$/.exec(inflated.toString("latin1", 0, Math.max(nul, 0)));
  const data = inflated.subarray(nul + 1);
  const type = match?.[1] as ObjectType | undefined;
  if (type === undefined || Number(match?.[2]) !== data.length || oidOf(type, data) !== oid) throw damaged();
  return data.length > limit ? { type, size: data.length } : { type, data };
}

/** Packs, the one that answered last asked first. */
class PackSet {
  readonly #limit: number;
  #packs: Pack[] = [];
  removals = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get packs(): readonly Pack[] {
    return this.#packs;
  }

  add(pack: Pack): void {
    if (this.#packs.some(({ name }) => name === pack.name)) pack.close();
    else this.#packs.unshift(pack);
  }

  remove(pack: Pack): void {
    this.detach(pack);
    pack.close();
  }

  /** Takes it out, and leaves it open. */
  detach(pack: Pack): void {
    this.#packs = this.#packs.filter((other) => other !== pack);
    this.removals += 1;
  }

  removeNamed(name: string): void {
    const pack = this.#packs.find((pack) => pack.name === name);
    if (pack !== undefined) this.remove(pack);
  }

  has(oid: string): boolean {
    return this.#packs.some(({ index }) => index.offsetOf(oid) !== undefined);
  }

  read(oid: string): GitObject | LargeObject | undefined {
    const at = this.#packs.findIndex(({ index }) => index.offsetOf(oid) !== undefined);
    const pack = this.#packs[at];
    if (pack === undefined) return undefined;
    if (at > 0) {
      this.#packs.splice(at, 1);
      this.#packs.unshift(pack);
    }
    try {
      const object = pack.read(oid, this.#limit);
      if (object !== undefined && "data" in object && oidOf(object.type, object.data) !== oid) {
        throw new TrueUpError("INCOMPLETE", `object ${oid} in ${pack.name} is damaged`);
      }
      return object;
    } catch (error) {
      throw new DamagedPack(pack, error);
    }
  }

  close(): void {
    for (const pack of this.#packs) pack.close();
    this.#packs = [];
  }
}

class DamagedPack extends TrueUpError {
  readonly pack: Pack;
  constructor(pack: Pack, cause: unknown) {
    super("INCOMPLETE", `${pack.name} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.pack = pack;
  }
}

/** A pack whose files another process removed: it is open still. */
interface Retired {
  readonly pack: Pack;
  readonly since: number;
  /** Who held the store when it went, and does so still. */
  readonly holds: Set<symbol>;
}

/** How long a retired pack that nobody holds is kept: a call may be under way. */
const RETIRED_MS = 600_000;

/** Nothing where there is no such directory. */
function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The packs of a directory. It is looked at again when something is missed and the directory has changed. */
class PackDirectory {
  readonly #directory: string;
  readonly #packs: PackSet;
  readonly #limit: number;
  readonly #discardDamaged: boolean;
  readonly #holds = new Set<symbol>();
  #retired: Retired[] = [];
  #stamp = -1;

  constructor(directory: string, limit: number, options: { discardDamaged: boolean }) {
    this.#directory = directory;
    this.#packs = new PackSet(limit);
    this.#limit = limit;
    this.#discardDamaged = options.discardDamaged;
  }

  read(oid: string): GitObject | LargeObject | undefined {
    try {
      const object = this.#packs.read(oid);
      if (object !== undefined || !this.refresh()) return object;
      return this.#packs.read(oid);
    } catch (error) {
      if (this.#discardDamaged && error instanceof DamagedPack) {
        this.discard(error.pack.name);
      }
      throw error;
    }
  }

  has(oid: string): boolean {
    return this.#packs.has(oid) || (this.refresh() && this.#packs.has(oid));
  }

  get removals(): number {
    return this.#packs.removals;
  }

  names(): string[] {
    this.refresh();
    return this.#packs.packs.map(({ name }) => name);
  }

  readRetired(oid: string): GitObject | LargeObject | undefined {
    for (const { pack } of this.#retired) {
      const object = pack.read(oid, this.#limit);
      if (object !== undefined && "data" in object && oidOf(object.type, object.data) === oid) return object;
    }
    return undefined;
  }

  hold(): () => void {
    const mine = Symbol("hold");
    this.#holds.add(mine);
    return () => {
      this.#holds.delete(mine);
      for (const { holds } of this.#retired) holds.delete(mine);
      this.#letGo();
    };
  }

  /** Closes a pack, to be opened again. */
  forget(name: string): void {
    this.#packs.removeNamed(name);
    this.#stamp = -1;
  }

  /** Closes a pack and removes its files, the index first: without it, it is none. */
  discard(name: string): void {
    this.#packs.removeNamed(name);
    rmSync(join(this.#directory, `${name}.idx`), { force: true });
    rmSync(join(this.#directory, `${name}.pack`), { force: true });
  }

  /** Whether there are other packs than before. */
  refresh(): boolean {
    const stamp = statSync(this.#directory, { throwIfNoEntry: false })?.mtimeMs ?? -1;
    // A directory that changed within the clock's grain may change again without showing.
    if (stamp === this.#stamp && Date.now() - stamp > 20) return false;
    this.#stamp = stamp;
    const names = listNames(this.#directory)
      .filter((name) => /^pack-[0-9a-f]{40}\.idx$/.test(name))
      .map((name) => name.slice(0, -4));
    let changed = false;
    this.#retire(new Set(names));
    const known = new Set(this.#packs.packs.map(({ name }) => name));
    for (const name of names) {
      if (known.has(name)) continue;
      const pack = this.#open(name);
      if (pack === undefined) continue;
      this.#packs.add(pack);
      changed = true;
    }
    return changed;
  }

  /** What another process removed can still be read here by who held it. Nothing new is built on it. */
  #retire(names: ReadonlySet<string>): void {
    for (const pack of this.#packs.packs.filter(({ name }) => !names.has(name))) {
      this.#packs.detach(pack);
      this.#retired.push({ pack, since: Date.now(), holds: new Set(this.#holds) });
    }
    this.#letGo();
  }

  #letGo(): void {
    const kept = ({ holds, since }: Retired): boolean => holds.size > 0 || Date.now() - since < RETIRED_MS;
    for (const retired of this.#retired) if (!kept(retired)) retired.pack.close();
    this.#retired = this.#retired.filter(kept);
  }

  #open(name: string): Pack | undefined {
    try {
      const index = new PackIndex(readFileSync(join(this.#directory, `${name}.idx`)));
      return new Pack(name, fileBytes(join(this.#directory, `${name}.pack`)), index);
    } catch (error) {
      // Somebody else may have removed it since it was listed.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      if (!this.#discardDamaged) throw error;
      this.discard(name);
      return undefined;
    }
  }

  close(): void {
    this.#packs.close();
    for (const { pack } of this.#retired) pack.close();
    this.#retired = [];
    this.#stamp = -1;
  }
}
