import { createHash } from "node:crypto";
import { TrueUpError, type Entry, type Tree } from "@trueup/spec";

/** A tree of files in memory. Paths have `/` between segments. */
export function memoryTree(files: Readonly<Record<string, string | Uint8Array>>, root = ""): Tree {
  const clean = (path: string): string =>
    path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/");
  const all = new Map(
    Object.entries(files).map(([path, content]) => [
      clean(path),
      typeof content === "string" ? Buffer.from(content) : content,
    ]),
  );
  const inside = (path: string): string => clean(`${root}/${path}`);
  const digest = (content: Uint8Array): string => createHash("sha1").update(content).digest("hex");
  const isDirectory = (path: string): boolean =>
    path === "" || [...all.keys()].some((file) => file.startsWith(`${path}/`));
  return {
    digest: digest(Buffer.from(JSON.stringify(files) + root)),
    async list(path = "") {
      const directory = inside(path);
      if (!isDirectory(directory)) throw new TrueUpError("NOT_FOUND", `${directory}: no such directory`);
      const prefix = directory === "" ? "" : `${directory}/`;
      const entries = new Map<string, Entry>();
      for (const [file, content] of all) {
        if (!file.startsWith(prefix)) continue;
        const [name = "", ...rest] = file.slice(prefix.length).split("/");
        const type = rest.length > 0 ? ("directory" as const) : ("file" as const);
        entries.set(name, { path: clean(`${path}/${name}`), type, digest: digest(content) });
      }
      return [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
    async read(path) {
      const file = inside(path);
      const content = all.get(file);
      if (content !== undefined) return content;
      if (isDirectory(file)) throw new TrueUpError("INVALID", `${file}: is a directory`);
      throw new TrueUpError("NOT_FOUND", `${file}: no such file`);
    },
    async subtree(path) {
      if (!isDirectory(inside(path))) throw new TrueUpError("NOT_FOUND", `${inside(path)}: no such directory`);
      return memoryTree(files, inside(path));
    },
  };
}
