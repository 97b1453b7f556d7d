import { isTrueUpError, TrueUpError, type ErrorCode, type Origin } from "@trueup/spec";
import { Accumulator } from "./accumulator.ts";
import { loadConfigurations } from "./configurations.ts";
import { configOfCrds } from "./crds.ts";
import { COMPONENT, parseKustomization, type Kustomization } from "./kustomization.ts";
import type { Loader } from "./loader.ts";
import type { Resource } from "./resource.ts";
import { runGenerators, runTransformers, runValidators } from "./steps.ts";
import { annotateOrigin, below, type Provenance } from "./provenance.ts";
import { parseNode, YamlProblem } from "./yaml/parse.ts";
import { toPlain } from "./yaml/value.ts";

/** What is wrong with files, and says nothing of the ones beside them. */
const CONTENT_ERRORS: ReadonlySet<ErrorCode> = new Set(["INVALID", "NOT_FOUND", "UNSUPPORTED", "CYCLE"]);

/** A kustomization that has been read. */
export class Target {
  readonly loader: Loader;
  readonly kustomization: Kustomization;
  /** The kustomization's file, as origins name it. */
  readonly file: string;
  /** Its name in its directory. */
  readonly fileName: string;
  /** Undefined unless `buildMetadata` of the root asks for it. */
  provenance: Provenance | undefined;

  private constructor(
    loader: Loader,
    kustomization: Kustomization,
    file: string,
    fileName: string,
    provenance: Provenance | undefined,
  ) {
    this.loader = loader;
    this.kustomization = kustomization;
    this.file = file;
    this.fileName = fileName;
    this.provenance = provenance;
  }

  static async load(loader: Loader, provenance?: Provenance): Promise<Target> {
    const { text, path, name } = await loader.kustomizationFile();
    const file = loader.nameOf(path);
    const { session } = loader;
    const kustomization = parseKustomization(text, file, session.parseLimits, session.warn);
    return new Target(loader, kustomization, file, name, provenance);
  }

  get origin(): Origin {
    return { file: this.file, document: 1 };
  }

  /** Sets the schema of the whole build, if none is set yet; the root's, whatever is set. */
  async setSchema(isRoot: boolean): Promise<void> {
    const { openapi } = this.kustomization;
    if (openapi === undefined) return;
    const path = openapi.get("path");
    const version = openapi.get("version") ?? "";
    const { session } = this.loader;
    if (path === undefined) {
      session.setVersion(version, isRoot);
      return;
    }
    const text = await this.loader.text(path);
    if (openapi.has("version"))
      throw new TrueUpError("INVALID", "builtin version and custom schema provided, cannot use both", {
        origin: this.origin,
      });
    try {
      const node = parseNode(text, session.parseLimits);
      session.setSchema(node === undefined ? {} : toPlain(node, "v2"));
    } catch (error) {
      if (!(error instanceof YamlProblem)) throw error;
      throw new TrueUpError(error.code, `invalid schema file: ${error.message}`, {
        origin: { file: this.loader.nameOf(this.loader.resolve(path)) },
        cause: error,
      });
    }
  }

  /** Everything the kustomization declares, changed as it says. A component works on what its parent has gathered. */
  async accumulate(into: Accumulator): Promise<void> {
    const { loader, kustomization } = this;
    await prefixed("accumulating resources", () => this.#addResources(into, kustomization.resources ?? []));
    into.mergeConfig(await loadConfigurations(kustomization.configurations ?? [], loader));
    into.mergeConfig(await configOfCrds(kustomization.crds ?? [], loader));
    await runGenerators(this, into);
    for (const path of kustomization.components ?? [])
      await prefixed("accumulating components", () => this.#addComponent(into, path));
    await runTransformers(this, into);
    await runValidators(this, into);
    into.addVariables(kustomization.vars ?? []);
    passThrough(into.resources.list, this.file);
  }

  /** Goes on behind what is wrong, so that all of it is told at once. */
  async #addResources(into: Accumulator, paths: readonly string[]): Promise<void> {
    const errors: TrueUpError[] = [];
    for (const path of paths) {
      try {
        await this.addResource(into, path);
      } catch (error) {
        if (!isTrueUpError(error) || !CONTENT_ERRORS.has(error.code)) throw error;
        errors.push(error);
      }
      this.loader.session.checkResources(into.resources.list.length);
      await this.loader.session.breathe();
    }
    const [first] = errors;
    if (first === undefined) return;
    if (errors.length === 1) throw first;
    const all = errors.flatMap((error) => error.errors ?? [error]);
    throw new TrueUpError(first.code, all.map((error) => error.message).join("\n"), {
      errors: all,
      ...(first.origin === undefined ? {} : { origin: first.origin }),
    });
  }

  /** A file of resources, or else another kustomization. */
  async addResource(into: Accumulator, path: string): Promise<void> {
    const notAFile = await this.#addFile(into, path);
    if (notAFile === undefined) return;
    let loader: Loader;
    let target: Target;
    try {
      loader = await this.loader.open(path);
      target = await this.#load(loader, path);
    } catch (error) {
      throw whicheverSaysMore(notAFile, error);
    }
    await this.#addKustomization(into, target);
  }

  /** Undefined where it worked; the error, where the path may mean something else. */
  async #addFile(into: Accumulator, path: string): Promise<TrueUpError | undefined> {
    try {
      const resources = await this.loader.resources(path);
      if (this.provenance !== undefined)
        for (const resource of resources) annotateOrigin(resource, below(this.provenance, path));
      into.resources.appendAll(resources);
      return undefined;
    } catch (error) {
      if (!isTrueUpError(error) || !["NOT_FOUND", "INVALID", "UNSUPPORTED"].includes(error.code)) throw error;
      return error;
    }
  }

  async #load(loader: Loader, path: string): Promise<Target> {
    return Target.load(loader, this.provenance === undefined ? undefined : below(this.provenance, path));
  }

  async #addKustomization(into: Accumulator, target: Target): Promise<void> {
    await target.setSchema(false);
    if (target.kustomization.kind === COMPONENT) {
      throw new TrueUpError("INVALID", `expected kind != '${COMPONENT}' for path '${target.loader.shown}'`, {
        origin: target.origin,
      });
    }
    const own = new Accumulator();
    await prefixed(`recursed accumulation of path '${target.loader.shown}'`, () => target.accumulate(own));
    await prefixed(`recursed merging from path '${target.loader.shown}'`, async () => into.absorb(own));
  }

  async #addComponent(into: Accumulator, path: string): Promise<void> {
    const loader = await this.loader.open(path);
    const target = await this.#load(loader, path);
    await target.setSchema(false);
    if (target.kustomization.kind !== COMPONENT) {
      throw new TrueUpError(
        "INVALID",
        `expected kind '${COMPONENT}' for path '${loader.shown}' but got '${target.kustomization.kind}'`,
        { origin: target.origin },
      );
    }
    await target.accumulate(into);
    into.resources.checkUnique();
  }
}

/** Those that came the same way share one list of it. */
function passThrough(resources: readonly Resource[], file: string): void {
  const ways = new Map<readonly string[], readonly string[]>();
  for (const resource of resources) {
    const way = ways.get(resource.through) ?? [...resource.through, file];
    ways.set(resource.through, way);
    resource.through = way;
  }
}

/** Says what was being done, in front of the message. */
async function prefixed<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isTrueUpError(error) || error.code === "ABORTED") throw error;
    throw new TrueUpError(error.code, `${what}: ${error.message}`, {
      cause: error,
      retryable: error.retryable,
      ...(error.origin === undefined ? {} : { origin: error.origin }),
      ...(error.errors === undefined ? {} : { errors: error.errors }),
    });
  }
}

/**
 * A path is tried as a file, then as a directory. If the file is there, what is wrong with it is what matters; if neither is,
 * both are said.
 */
function whicheverSaysMore(file: TrueUpError, directory: unknown): unknown {
  if (!isTrueUpError(directory)) return directory;
  const isFileProblem = file.origin?.document !== undefined || file.code === "UNSUPPORTED";
  if (isFileProblem && directory.code === "NOT_FOUND") return file;
  if (directory.code !== "NOT_FOUND" && directory.code !== "INVALID") return directory;
  // That something is where it must not be says more than that it is nowhere else.
  const code = directory.code === "NOT_FOUND" && file.message.includes("security; ") ? "INVALID" : directory.code;
  return new TrueUpError(code, `accumulation err='${file.message}': ${directory.message}`, {
    cause: directory,
    ...(directory.origin === undefined ? {} : { origin: directory.origin }),
  });
}
