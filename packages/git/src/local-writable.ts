import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
  fsyncSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { TrueUpError } from "@trueup/spec";
import type { NewObject } from "./edit-tree.ts";
import { openLocalRepository } from "./local-repository.ts";
import type { GitLimits } from "./options.ts";
import { NO_OBJECT } from "./receive-pack.ts";
import type { Writable } from "./repository-writer.ts";
import { snapshotOpener } from "./snapshot.ts";
import { ObjectTreeReader } from "./tree.ts";

/** A repository on this machine: new objects as loose files, refs under Git's own lock. A branch that is checked out is not moved. */
export function localWritable(path: string, limits: GitLimits): Writable {
  const repository = openLocalRepository(path, limits.objectBytes);
  const { objects, common } = repository;
  const opener = snapshotOpener(objects, { limits, complete: false });
  return {
    reader: new ObjectTreeReader(objects, limits.objectBytes),
    list: async (prefixes) => repository.list(prefixes),
    async open(id, signal) {
      const opened = await opener.open(id, signal);
      if (opened === undefined) throw new TrueUpError("NOT_FOUND", `${path}: there is no commit ${id}`);
      return opened;
    },
    async update({ ref, from, to }, added) {
      if (repository.checkedOut === ref) return "the branch is checked out in a work tree";
      for (const object of added) if (!objects.has(object.oid)) writeLoose(join(common, "objects"), object);
      const file = join(common, ref);
      mkdirSync(dirname(file), { recursive: true });
      const lock = `${file}.lock`;
      const descriptor = openLock(lock);
      if (descriptor === undefined) return "another process holds the ref's lock";
      try {
        const there = repository.list([ref]).find(({ name }) => name === ref)?.oid ?? NO_OBJECT;
        if (there !== from) return `the ref is at ${there}`;
        writeSync(descriptor, `${to}\n`);
        fsyncSync(descriptor);
        renameSync(lock, file);
        return undefined;
      } finally {
        closeSync(descriptor);
        rmSync(lock, { force: true });
      }
    },
    close: () => objects.close(),
  };
}

function openLock(path: string): number | undefined {
  try {
    return openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

function writeLoose(directory: string, { oid, type, data }: NewObject): void {
  const file = join(directory, oid.slice(0, 2), oid.slice(2));
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const temporary = join(dirname(file), `tmp_obj_${randomBytes(8).toString("hex")}`);
  try {
    const content = deflateSync(Buffer.concat([Buffer.from(`${type} ${data.length}\0`), data]));
    writeFileSync(temporary, content, { flag: "wx", mode: 0o444, flush: true });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
