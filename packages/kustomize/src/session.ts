import { TrueUpError, type Finding, type RenderCache } from "@trueup/spec";
import { BUILT_IN, isKnownKind, schemasOf, type BuiltIns, type Schemas } from "./merge/schema.ts";
import type { BuildLimits } from "./limits.ts";
import type { Keys, ParseLimits } from "./yaml/parse.ts";
import type { HelmRenderer, PluginRunner, RemoteFetcher } from "./options.ts";
import { parseRemote } from "./remote.ts";
import { toJson, type Plain } from "./yaml/value.ts";

/** What one build shares among its kustomizations, and nobody else does. */
export class Session {
  readonly limits: BuildLimits;
  readonly parseLimits: ParseLimits;
  readonly signal: AbortSignal | undefined;
  readonly cache: RenderCache | undefined;
  readonly remote: RemoteFetcher | undefined;
  readonly helm: HelmRenderer | undefined;
  readonly plugins: PluginRunner | undefined;
  readonly restricted: boolean;
  readonly warnings: Finding[] = [];
  /** Of the resources that are read. */
  readonly keys: Keys = new Map();
  readonly #fetched = new Map<string, ReturnType<RemoteFetcher>>();
  #bytes = 0;
  #files = 0;
  #since = performance.now();
  #schemas: Schemas | undefined;
  #version = "";
  #builtIns: BuiltIns = "absent";

  constructor(options: {
    limits: BuildLimits;
    signal?: AbortSignal | undefined;
    cache?: RenderCache | undefined;
    remote?: RemoteFetcher | undefined;
    helm?: HelmRenderer | undefined;
    plugins?: PluginRunner | undefined;
    restricted: boolean;
  }) {
    this.limits = options.limits;
    this.parseLimits = {
      depth: options.limits.nesting,
      nodes: options.limits.values,
      aliased: options.limits.aliasedValues,
    };
    this.signal = options.signal;
    this.cache = options.cache;
    this.remote = options.remote;
    this.helm = options.helm;
    this.plugins = options.plugins;
    this.restricted = options.restricted;
  }

  /** Fetches from outside the tree, once for each address. Throws `UNSUPPORTED` where that is off. */
  fetch(url: string, from: string): ReturnType<RemoteFetcher> {
    if (this.remote === undefined) {
      throw new TrueUpError(
        "UNSUPPORTED",
        `${from}: ${url} is outside the tree; remote bases and files are off unless a \`remote\` function is passed`,
        { origin: { file: from } },
      );
    }
    let found = this.#fetched.get(url);
    if (found === undefined) {
      found = this.remote(url, parseRemote(url), this.signal === undefined ? {} : { signal: this.signal });
      this.#fetched.set(url, found);
    }
    return found;
  }

  warn = (finding: Finding): void => void this.warnings.push(finding);

  /** Those that patches are merged by: the first `openapi` of the build decides, if any. */
  schemas = (): Schemas => {
    if (this.#schemas !== undefined) return this.#schemas;
    this.#builtIns = "below";
    return BUILT_IN;
  };

  /** To be told of every resource that is read. */
  meet(apiVersion: string, kind: string): void {
    if (this.#builtIns === "absent" && !isKnownKind(apiVersion, kind)) this.#builtIns = "above";
  }

  setVersion(version: string, force: boolean): void {
    if (version === "" || (this.#isSet() && !force)) return;
    if (version !== "v1.21.2")
      throw new TrueUpError("INVALID", `openapi.version: the specified OpenAPI version is not built in: ${version}`);
    this.#version = version;
  }

  setSchema(document: Plain): void {
    if (!this.#isSet()) this.#schemas = schemasOf(toJson(document), this.#builtIns);
  }

  #isSet(): boolean {
    return this.#schemas !== undefined || this.#version !== "";
  }

  count(bytes: number, path: string): void {
    const { fileBytes, files, totalBytes } = this.limits;
    if (bytes > fileBytes) throw limit(`${path}: ${bytes} bytes, at most ${fileBytes} are read`, path);
    this.#bytes += bytes;
    this.#files++;
    if (this.#bytes > totalBytes)
      throw limit(`${path}: the files of this build have more than ${totalBytes} bytes`, path);
    if (this.#files > files) throw limit(`${path}: this build reads more than ${files} files`, path);
  }

  checkResources(count: number): void {
    if (count > this.limits.resources) throw new TrueUpError("LIMIT", `more than ${this.limits.resources} resources`);
  }

  /** Lets others run, and the signal fire, in a build that takes long. */
  async breathe(): Promise<void> {
    this.signal?.throwIfAborted();
    if (performance.now() - this.#since < 20) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
    this.signal?.throwIfAborted();
  }
}

const limit = (message: string, file: string): TrueUpError => new TrueUpError("LIMIT", message, { origin: { file } });
