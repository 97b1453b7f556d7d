import { createHash } from "node:crypto";
import { TrueUpError, type Entry, type Tree } from "@trueup/spec";

interface Directory {
  readonly type: "directory";
  readonly children: Map<string, Node>;
  /** Made when it is first asked for. */
  digest?: string;
}
interface File {
  readonly type: "file";
  readonly text: string;
  digest?: string;
}
type Node = Directory | File;

/** A tree of texts. */
export function memoryTree(files: ReadonlyMap<string, string>, onRead: () => void = () => {}): Tree {
  const root: Directory = { type: "directory", children: new Map() };
  for (const [path, text] of files) put(root, path.split("/"), text);
  return viewOf(root, onRead);
}

function put(root: Directory, segments: readonly string[], text: string): void {
  let at = root;
  for (const segment of segments.slice(0, -1)) {
    let next = at.children.get(segment);
    if (next?.type !== "directory") {
      next = { type: "directory", children: new Map() };
      at.children.set(segment, next);
    }
    at = next;
  }
  at.children.set(segments.at(-1) ?? "", { type: "file", text });
}

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

const sorted = ({ children }: Directory): [string, Node][] => [...children].toSorted(([a], [b]) => (a < b ? -1 : 1));

function digestOf(node: Node): string {
  node.digest ??=
    node.type === "file"
      ? sha(node.text)
      : sha(
          sorted(node)
            .map(([name, child]) => `${child.type} ${name} ${digestOf(child)}\n`)
            .join(""),
        );
  return node.digest;
}

function segmentsOf(path: string): string[] {
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new TrueUpError("INVALID", `${path} leads out of the tree`);
  return segments;
}

function viewOf(root: Directory, onRead: () => void): Tree {
  function find(path: string): Node {
    let at: Node = root;
    for (const segment of segmentsOf(path)) {
      const next: Node | undefined = at.type === "directory" ? at.children.get(segment) : undefined;
      if (next === undefined) throw new TrueUpError("NOT_FOUND", `no ${path} in this tree`);
      at = next;
    }
    return at;
  }
  function directory(path: string): Directory {
    const found = find(path);
    if (found.type === "directory") return found;
    throw new TrueUpError("NOT_FOUND", `${path} is no directory`);
  }

  return {
    get digest() {
      return digestOf(root);
    },
    async list(path = "") {
      const prefix = segmentsOf(path)
        .map((segment) => `${segment}/`)
        .join("");
      return sorted(directory(path)).map(([name, node]): Entry => {
        const entry = { path: prefix + name, type: node.type, digest: digestOf(node) };
        return node.type === "file" ? { ...entry, size: Buffer.byteLength(node.text) } : entry;
      });
    },
    async read(path) {
      onRead();
      const found = find(path);
      if (found.type === "file") return new TextEncoder().encode(found.text);
      throw new TrueUpError("INVALID", `${path} is a directory`);
    },
    subtree: async (path) => viewOf(directory(path), onRead),
  };
}
