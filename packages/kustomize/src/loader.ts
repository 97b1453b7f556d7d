import { hash } from "node:crypto";
import { isTrueUpError, TrueUpError, type Tree } from "@trueup/spec";
import { copyParsed, parseResources, type Parsed } from "./yaml/resources.ts";
import { FILE_NAMES } from "./kustomization.ts";
import { isWebAddress, parseRemote, type RemoteReference } from "./remote.ts";
import { Resource } from "./resource.ts";
import type { Session } from "./session.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads for one kustomization: files in or below its directory, and other kustomizations anywhere in the tree. */
export class Loader {
  readonly tree: Tree;
  /** The kustomization's directory below the tree's root; `""` for the root. */
  readonly root: string;
  readonly session: Session;
  readonly #parent: Loader | undefined;
  /** Present in the tree of a remote base, and what is below it. */
  readonly remote: RemoteReference | undefined;
  readonly depth: number;

  constructor(session: Session, tree: Tree, root: string, parent?: Loader, remote?: RemoteReference) {
    this.session = session;
    this.tree = tree;
    this.root = root;
    this.#parent = parent;
    this.remote = remote;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  /** `/` and the path: what messages show. */
  get shown(): string {
    return `/${this.root}`;
  }

  /** The path in the tree of a file or directory that this kustomization names. Throws where it leads out of the tree. */
  resolve(path: string): string {
    const resolved = normalize(path.startsWith("/") ? path : `${this.root}/${path}`);
    if (resolved === undefined) {
      throw this.#invalid(`security; file '${path}' is not in or below '${this.shown}': it is outside the tree`);
    }
    return resolved;
  }

  /** The name under which origins and errors show a file: remote ones with their repository. */
  nameOf(path: string): string {
    return this.remote === undefined ? path : `${this.remote.repository}//${path}`;
  }

  async bytes(path: string): Promise<Uint8Array> {
    this.session.signal?.throwIfAborted();
    if (isWebAddress(path)) return this.#fetchFile(path);
    const resolved = this.resolve(path);
    // What a remote repository holds is never trusted with the rest of its tree.
    const isRestricted = this.session.restricted || this.remote !== undefined;
    if (isRestricted && !isBelow(resolved, this.root)) {
      throw this.#invalid(`security; file '/${resolved}' is not in or below '${this.shown}'`);
    }
    return this.#read(resolved);
  }

  async text(path: string): Promise<string> {
    return decode(await this.bytes(path), isWebAddress(path) ? path : this.nameOf(this.resolve(path)));
  }

  async #read(path: string): Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = await this.tree.read(path);
    } catch (error) {
      if (isTrueUpError(error) && error.code === "NOT_FOUND") {
        throw new TrueUpError("NOT_FOUND", `'/${path}' doesn't exist`, { origin: { file: path }, cause: error });
      }
      throw error;
    }
    this.session.count(bytes.length, path);
    return bytes;
  }

  async #fetchFile(url: string): Promise<Uint8Array> {
    const found = await this.session.fetch(url, this.shown);
    if (!("bytes" in found)) throw this.#invalid(`${url} is a repository, not a file`);
    this.session.count(found.bytes.length, url);
    return found.bytes;
  }

  /** The resources of a file, for this build to change. Parsed once for all builds that share a cache. */
  async resources(path: string): Promise<Resource[]> {
    const bytes = await this.bytes(path);
    const file = isWebAddress(path) ? path : this.nameOf(this.resolve(path));
    const { parsed, shared } = this.#parsed(bytes, file);
    return parsed.map((one) => {
      const { node, origin } = shared ? copyParsed(one) : one;
      const resource = new Resource(node, origin);
      this.session.meet(resource.apiVersion, resource.kind);
      return resource;
    });
  }

  /** `shared`: other builds may be given the same nodes. */
  #parsed(bytes: Uint8Array, file: string): { readonly parsed: readonly Parsed[]; readonly shared: boolean } {
    const { cache, parseLimits, keys } = this.session;
    if (cache === undefined || this.tree.confidential === true)
      return { parsed: parseResources(decode(bytes, file), file, parseLimits, keys), shared: false };
    const key = `kustomize:${hash("sha256", bytes)}:${file}`;
    const known = cache.get(key) as readonly Parsed[] | undefined;
    if (known !== undefined) return { parsed: known, shared: true };
    const parsed = parseResources(decode(bytes, file), file, parseLimits, keys);
    cache.set(key, parsed);
    return { parsed, shared: true };
  }

  /** Of another kustomization. Throws where it is not a directory, or is this one or one around it. */
  async open(path: string): Promise<Loader> {
    this.session.signal?.throwIfAborted();
    if (path === "") throw this.#invalid("new root cannot be empty");
    if (this.depth >= this.session.limits.depth) {
      throw new TrueUpError(
        "LIMIT",
        `${this.shown}: more than ${this.session.limits.depth} kustomizations below each other`,
      );
    }
    const reference = parseRemote(path);
    if (reference !== undefined) return this.#openRemote(path, reference);
    if (path.startsWith("/")) throw this.#invalid(`new root '${path}' cannot be absolute`);
    const root = normalize(`${this.root}/${path}`);
    if (root === undefined) {
      throw this.#invalid(
        this.remote === undefined
          ? `security; base '${path}' is outside the tree`
          : `security; bases in kustomizations found in cloned git repos must be within the repo, but base '${path}' is outside`,
      );
    }
    this.#checkCycle(root);
    return new Loader(this.session, this.tree, root, this, this.remote);
  }

  /** This and all that led here. */
  *#chain(): Generator<Loader> {
    yield this;
    if (this.#parent !== undefined) yield* this.#parent.#chain();
  }

  #checkCycle(root: string): void {
    for (const loader of this.#chain()) {
      if (loader.tree !== this.tree || !isBelow(loader.root, root)) continue;
      throw new TrueUpError(
        "CYCLE",
        `cycle detected: candidate root '/${root}' contains visited root '${loader.shown}'`,
        {
          origin: { file: this.root },
        },
      );
    }
  }

  async #openRemote(url: string, reference: RemoteReference): Promise<Loader> {
    for (const loader of this.#chain()) {
      if (loader.remote?.url.startsWith(url)) {
        throw new TrueUpError(
          "CYCLE",
          `cycle detected: URI '${url}' referenced by previous URI '${loader.remote.url}'`,
        );
      }
    }
    const found = await this.session.fetch(url, this.shown);
    if (!("tree" in found)) throw this.#invalid(`${url} is a file, not a repository`);
    const root = normalize(reference.path);
    if (root === undefined) throw this.#invalid(`"${url}" refers to directory outside of repo`);
    return new Loader(this.session, found.tree, root, this, reference);
  }

  /** The kustomization file of the directory. Throws where there is none, or more than one. */
  async kustomizationFile(): Promise<{ readonly text: string; readonly path: string; readonly name: string }> {
    const found: { text: string; path: string; name: string }[] = [];
    for (const name of FILE_NAMES) {
      const path = this.root === "" ? name : `${this.root}/${name}`;
      const bytes = await this.tree.read(path).catch((error: unknown) => {
        if (isTrueUpError(error) && (error.code === "NOT_FOUND" || error.code === "INVALID")) return undefined;
        throw error;
      });
      if (bytes === undefined) continue;
      this.session.count(bytes.length, path);
      found.push({ text: decode(bytes, path), path, name });
    }
    const [only] = found;
    if (found.length > 1) throw this.#invalid(`Found multiple kustomization files under: ${this.shown}`);
    if (only !== undefined) return only;
    throw await this.#missing();
  }

  async #missing(): Promise<TrueUpError> {
    const names = FILE_NAMES.map((name) => `'${name}'`)
      .join(", ")
      .replace(/, ([^,]*)$/, " or $1");
    try {
      await this.tree.list(this.root);
    } catch {
      const isFile = await this.tree.read(this.root).then(
        () => true,
        () => false,
      );
      const reason = isFile ? "file is not directory" : "doesn't exist";
      return new TrueUpError("NOT_FOUND", `must build at directory: '${this.shown}': ${reason}`, {
        origin: { file: this.root },
      });
    }
    return new TrueUpError("NOT_FOUND", `unable to find one of ${names} in directory '${this.shown}'`, {
      origin: { file: this.root },
    });
  }

  #invalid(message: string): TrueUpError {
    return new TrueUpError("INVALID", message, { origin: { file: this.root } });
  }
}

/** Without `.` and `..`; undefined where it leads above the root. */
export function normalize(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

const isBelow = (path: string, root: string): boolean => root === "" || path === root || path.startsWith(`${root}/`);

export function decode(bytes: Uint8Array, file: string): string {
  try {
    const text = decoder.decode(bytes);
    return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
  } catch {
    throw new TrueUpError("INVALID", `${file}: not UTF-8`, { origin: { file } });
  }
}
