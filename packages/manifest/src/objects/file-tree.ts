import { digestOf, TrueUpError, type Entry, type Tree } from "@trueup/spec";

/** A tree of texts by their paths. */
export function fileTree(files: ReadonlyMap<string, string>): Tree {
  const segmentsOf = (path: string): string[] => {
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    if (segments.includes("..")) throw new TrueUpError("INVALID", `${path} leads out of the tree`);
    return segments;
  };
  const below = (path: string): ReadonlyMap<string, string> => {
    const prefix = segmentsOf(path)
      .map((segment) => `${segment}/`)
      .join("");
    if (prefix === "") return files;
    const found = [...files].filter(([file]) => file.startsWith(prefix));
    if (found.length === 0) throw new TrueUpError("NOT_FOUND", `no directory ${path} in this tree`);
    return new Map(found.map(([file, text]) => [file.slice(prefix.length), text]));
  };
  const digest = (of: ReadonlyMap<string, string>): string =>
    digestOf([...of].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const own = digest(files);

  return {
    digest: own,
    async list(path = "") {
      const at = segmentsOf(path)
        .map((segment) => `${segment}/`)
        .join("");
      const inside = below(path);
      const names = new Set([...inside.keys()].map((file) => file.split("/")[0] as string));
      return [...names].toSorted().map((name): Entry => {
        const text = inside.get(name);
        if (text !== undefined)
          return { path: at + name, type: "file", digest: digestOf(text), size: Buffer.byteLength(text) };
        return { path: at + name, type: "directory", digest: digest(below(at + name)) };
      });
    },
    async read(path) {
      const text = files.get(segmentsOf(path).join("/"));
      if (text !== undefined) return new TextEncoder().encode(text);
      below(path);
      throw new TrueUpError("INVALID", `${path} is a directory`);
    },
    subtree: async (path) => fileTree(below(path)),
  };
}
