import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { build, fileName, pinnedVersion, whyNoGo, type GoModule } from "./build.ts";
import { withLock } from "./lock.ts";

export type Program = "kube-apiserver" | "kubectl" | "kube-controller-manager" | "kube-scheduler" | "etcd" | "kwok";

/** There can be none here; `reason` says why, for the tests that are skipped. */
export interface Unavailable {
  readonly status: "unavailable";
  readonly reason: string;
}

export interface Binaries {
  readonly status: "found";
  /** Absolute path of each program that was asked for. */
  readonly paths: Readonly<Record<string, string>>;
}

export interface BinariesOptions {
  /** `1.36.3`, or `1.32` for the served patch version of that minor. Default: `TRUEUP_KUBERNETES_VERSION`, or what go.mod pins. */
  readonly version?: string | undefined;
  /** Hears what a build is doing. Default: standard error. */
  readonly progress?: ((line: string) => void) | undefined;
}

const KUBERNETES: GoModule = { folder: "kubernetes", path: "k8s.io/kubernetes" };
const ETCD: GoModule = { folder: "etcd", path: "go.etcd.io/etcd/server/v3" };
const KWOK: GoModule = { folder: "kwok", path: "sigs.k8s.io/kwok" };

const SOURCES: Readonly<Record<Program, { readonly module: GoModule; readonly package: string }>> = {
  "kube-apiserver": { module: KUBERNETES, package: "cmd/kube-apiserver" },
  kubectl: { module: KUBERNETES, package: "cmd/kubectl" },
  "kube-controller-manager": { module: KUBERNETES, package: "cmd/kube-controller-manager" },
  "kube-scheduler": { module: KUBERNETES, package: "cmd/kube-scheduler" },
  etcd: { module: ETCD, package: "" },
  kwok: { module: KWOK, package: "cmd/kwok" },
};

/** The Go module proxy serves only some patch versions of k8s.io/kubernetes (seen on 22 Nov 2026). */
const SERVED: Readonly<Record<string, string>> = {
  "1.30": "1.30.14",
  "1.31": "1.31.14",
  "1.32": "1.32.13",
  "1.33": "1.33.13",
  "1.34": "1.34.4",
  "1.35": "1.35.4",
};

/**
 * The programs of a control plane: from `KUBEBUILDER_ASSETS`, else the user's cache directory, else built with Go.
 * Throws where a build fails, so that a broken build is never taken for a machine without Go.
 */
export async function binaries(
  programs: readonly Program[],
  options: BinariesOptions = {},
): Promise<Binaries | Unavailable> {
  if (process.env["TRUEUP_KUBERNETES"] === "off") return { status: "unavailable", reason: "TRUEUP_KUBERNETES=off" };
  const progress = options.progress ?? ((line) => void process.stderr.write(`${line}\n`));
  const kubernetesVersion = await resolveVersion(options.version ?? process.env["TRUEUP_KUBERNETES_VERSION"]);

  const paths: Record<string, string> = {};
  for (const module of new Set(programs.map((program) => SOURCES[program].module))) {
    const version = module === KUBERNETES ? kubernetesVersion : await pinnedVersion(module);
    const directory = cacheDirectory(`${module.folder}-${version}`);
    const wanted = programs.filter((program) => SOURCES[program].module === module);
    const find = (): Promise<Program[]> => missing(wanted, directory, paths);
    if ((await find()).length === 0) continue;

    const why = await whyNoGo(module);
    if (why !== undefined) {
      const names = (await find()).join(", ");
      return {
        status: "unavailable",
        reason: `no ${names} in KUBEBUILDER_ASSETS or ${directory}, and none can be built: ${why}`,
      };
    }
    const onWait = (): void => progress(`waiting for another process that builds into ${directory}`);
    const reason = await withLock(join(directory, "lock"), onWait, async () => {
      const packages = Object.fromEntries((await find()).map((program) => [program, SOURCES[program].package]));
      if (Object.keys(packages).length === 0) return undefined;
      return build({ module, version, packages, directory, progress });
    });
    if (reason !== undefined) return { status: "unavailable", reason };
    await find();
  }
  return { status: "found", paths };
}

async function resolveVersion(version: string | undefined): Promise<string> {
  const pinned = await pinnedVersion(KUBERNETES);
  if (version === undefined || version === "" || pinned.startsWith(`${version}.`)) return pinned;
  if (/^1\.[0-9]+\.[0-9]+$/.test(version)) return version;
  const served = SERVED[version];
  if (served !== undefined) return served;
  const known = [...Object.keys(SERVED), pinned].join(", ");
  throw new Error(
    `TRUEUP_KUBERNETES_VERSION: ${JSON.stringify(version)} is not a version; known are ${known}, or 1.x.y in full`,
  );
}

/** Enters what is there into `paths` and answers the rest. */
async function missing(
  programs: readonly Program[],
  directory: string,
  paths: Record<string, string>,
): Promise<Program[]> {
  const absent: Program[] = [];
  for (const program of programs) {
    const assets = process.env["KUBEBUILDER_ASSETS"];
    const candidates = [...(assets === undefined || assets === "" ? [] : [assets]), directory].map((folder) =>
      join(folder, fileName(program)),
    );
    const found = await firstExecutable(candidates);
    if (found === undefined) absent.push(program);
    else paths[program] = found;
  }
  return absent;
}

async function firstExecutable(candidates: readonly string[]): Promise<string | undefined> {
  for (const path of candidates) {
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return path;
  }
  return undefined;
}

/** `~/.cache/trueup/kubernetes-1.36.3/linux-amd64`; operating system and architecture in Go's words. */
function cacheDirectory(name: string): string {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(cache, "trueup", name, `${os}-${arch}`);
}
