import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

/** A Go module whose programs we build; its folder under `go/` pins versions and sums. */
export interface GoModule {
  readonly folder: "kubernetes" | "etcd" | "kwok";
  readonly path: string;
}

export interface Build {
  readonly module: GoModule;
  /** `1.36.3`. */
  readonly version: string;
  /** Program to its package in the module: `{ kubectl: "cmd/kubectl" }`. */
  readonly packages: Readonly<Record<string, string>>;
  /** The finished programs come here, each in one rename. */
  readonly directory: string;
  readonly progress: (line: string) => void;
}

const moduleFolder = (module: GoModule): string => fileURLToPath(new URL(`go/${module.folder}/`, import.meta.url));

/** On Windows programs are called `name.exe`. */
export const fileName = (program: string): string => (process.platform === "win32" ? `${program}.exe` : program);

/** The version that the committed go.mod requires: `1.36.3`. */
export async function pinnedVersion(module: GoModule): Promise<string> {
  const text = await readFile(join(moduleFolder(module), "go.mod"), "utf8");
  const line = text.split("\n").find((line) => line.includes(`${module.path} v`));
  const version = line?.trim().split(/ v?/)[1];
  if (version === undefined) throw new Error(`${moduleFolder(module)}go.mod does not require ${module.path}`);
  return version;
}

/** Why nothing can be built here, or undefined. */
export async function whyNoGo(module: GoModule): Promise<string | undefined> {
  try {
    // In the module's folder, where a Go that is older than go.mod asks for fetches a newer one, or says that it may not.
    const { code, stderr } = await run("go", ["env", "GOVERSION"], {
      cwd: moduleFolder(module),
      env: { GOWORK: "off" },
    });
    return code === 0 ? undefined : stderr.trim().split("\n").at(-1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "go is not on this machine";
    throw error;
  }
}

/**
 * Builds the programs: minutes on a cold Go cache, seconds on a warm one. Answers why that is not possible where another
 * version than the pinned one has modules that the proxy serves in no patch. Throws, with Go's words, where it fails.
 * The caller holds a lock on the directory.
 */
export async function build({ module, version, packages, directory, progress }: Build): Promise<string | undefined> {
  const pinned = version === (await pinnedVersion(module));
  // Beside the final place, so that the rename stays within one file system; what a killed build left there goes.
  const work = join(directory, "build");
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  if (!pinned) await writeFile(join(work, "go.mod"), await goModFor(module, version));
  const cwd = pinned ? moduleFolder(module) : work;
  const env = { CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: `-mod=${pinned ? "readonly" : "mod"} -buildvcs=false` };
  const paths = Object.values(packages).map((path) => (path === "" ? module.path : `${module.path}/${path}`));

  const title = `${Object.keys(packages).join(", ")} ${version}`;
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1_000)} s`;
  let stage = "";
  const ticker = setInterval(() => progress(`${title}: ${stage}, ${seconds()}`), 10_000);
  try {
    progress(`building ${title} with go, once; kept in ${directory}`);
    let fetched = 0;
    const fetch = async () =>
      await run("go", ["list", "-deps", ...paths], {
        cwd,
        env,
        onErrorLine: () => (stage = `${++fetched} Go modules fetched`),
      });
    let list = await fetch();
    while (list.code !== 0 && !pinned && (await takeEarlierPatch(work, list.stderr, progress))) list = await fetch();
    if (list.code !== 0 && !pinned) return `not all modules of ${title} can be had: ${complaint(list.stderr)}`;
    if (list.code !== 0) throw new Error(`cannot fetch the modules of ${title}\n${tail(list.stderr)}`);

    const total = list.stdout.split("\n").length;
    let compiled = 0;
    const flags = ["-v", "-trimpath", "-ldflags", linkerFlags(module, version), "-o", work];
    const { code, stderr } = await run("go", ["build", ...flags, ...paths], {
      cwd,
      env,
      onErrorLine: () => (stage = `${++compiled} of ${total} packages compiled`),
    });
    if (code !== 0) throw new Error(`cannot build ${title}\n${tail(stderr)}`);
    for (const [name, path] of Object.entries(packages)) {
      await rename(join(work, fileName(builtName(module, path))), join(directory, fileName(name)));
    }
    progress(`built ${title} in ${seconds()}`);
    return undefined;
  } finally {
    clearInterval(ticker);
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * The proxy serves some staging modules in other patches than Kubernetes itself: the one it refuses is taken from the patch
 * before, which differs by a fix or none. False where none is refused, or none is left.
 */
async function takeEarlierPatch(folder: string, complaints: string, progress: Build["progress"]): Promise<boolean> {
  const refused = /(k8s\.io\/[a-z-]+)@(v0\.[0-9]+)\.([0-9]+): reading \S+: 40[34]/.exec(complaints);
  const [, name, minor, patch] = refused ?? [];
  if (name === undefined || patch === undefined || Number(patch) === 0) return false;
  const file = join(folder, "go.mod");
  const earlier = `${name} ${minor}.${Number(patch) - 1}`;
  progress(`the module proxy does not serve ${name} ${minor}.${patch}: trying the patch before`);
  await writeFile(file, (await readFile(file, "utf8")).replaceAll(`${name} ${minor}.${patch}`, earlier));
  return true;
}

/** Go's first word that is not about its progress. */
const complaint = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "" && !line.startsWith("go: downloading")) ?? "";

const tail = (text: string): string => text.trimEnd().split("\n").slice(-20).join("\n");

/** `go build -o folder` names a program by the last element of its import path that is not a version. */
function builtName(module: GoModule, path: string): string {
  return `${module.path}/${path}`.split("/").findLast((part) => part !== "" && !/^v[0-9]+$/.test(part)) ?? path;
}

/** Symbols are left out; Kubernetes reports the version it is told at link time, v0.0.0 otherwise. */
function linkerFlags(module: GoModule, version: string): string {
  if (module.folder !== "kubernetes") return "-s -w";
  const [major, minor] = version.split(".");
  const stamp = Object.entries({ gitVersion: `v${version}`, gitMajor: major, gitMinor: minor });
  return ["-s -w", ...stamp.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)].join(" ");
}

/** `1.36.3` → `v0.36.3`. */
const staging = (version: string): string => `v0.${version.split(".").slice(1).join(".")}`;

/**
 * The committed go.mod for another version of Kubernetes: what it requires beside `k8s.io/kubernetes` is left to be
 * resolved (`-mod=mod`), and the staging modules (`k8s.io/api v0.36.3`) follow the version.
 */
async function goModFor(module: GoModule, version: string): Promise<string> {
  const pinned = await pinnedVersion(module);
  const text = await readFile(join(moduleFolder(module), "go.mod"), "utf8");
  return text
    .split("\n")
    .filter((line) => !line.includes("// indirect") || line.includes(`${module.path} v`))
    .join("\n")
    .replaceAll(`${module.path} v${pinned}`, `${module.path} v${version}`)
    .replaceAll(staging(pinned), staging(version));
}
