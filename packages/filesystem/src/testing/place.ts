// A root of its own for each test, and what reads and writes it past the target.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectDigest } from "@trueup/diff";
import { emitYaml, parseYaml } from "@trueup/manifest";
import {
  digestOf,
  keyOf,
  refOf,
  type Declared,
  type Item,
  type Key,
  type Lease,
  type Manifest,
  type Observed,
  type Planned,
  type Ref,
  type Target,
  type TargetState,
  type Tracked,
  type WriteContext,
} from "@trueup/spec";
import { filesystem } from "../filesystem.ts";

export interface Place extends Disposable {
  readonly root: string;
  readonly target: Target;
  /** Content of a file, or undefined. */
  read(path: string): string | undefined;
  write(path: string, content: string | Uint8Array): void;
  /** All files below the root, but for the target's own. */
  files(): string[];
  /** Everything below the root, folders too. */
  entries(): string[];
  /** Open descriptors that lead into the root. */
  openFiles(): string[];
}

export function place(): Place {
  const root = mkdtempSync(join(tmpdir(), "trueup-filesystem-"));
  return {
    root,
    target: filesystem({ root }),
    read(path) {
      try {
        return readFileSync(join(root, path), "utf8");
      } catch {
        return undefined;
      }
    },
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    },
    files: () => list(root).filter((path) => !path.startsWith(".trueup/") && statSync(join(root, path)).isFile()),
    entries: () => list(root),
    openFiles: () =>
      readdirSync("/proc/self/fd").flatMap((fd) => {
        try {
          const path = readlinkSync(`/proc/self/fd/${fd}`);
          return path.startsWith(root) ? [path] : [];
        } catch {
          return [];
        }
      }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

const list = (root: string): string[] => (readdirSync(root, { recursive: true }) as string[]).toSorted();

export const OWNER = { installation: "test", application: "web" };

export const service = (name: string, spec: Manifest["spec"] = { replicas: 2 }, namespace = "prod"): Manifest => ({
  apiVersion: "example.dev/v1",
  kind: "Service",
  metadata: namespace === "" ? { name } : { namespace, name },
  spec,
});

export const file = (name: string, spec: Readonly<Record<string, string | number>>): Manifest => ({
  apiVersion: "filesystem.trueup.dev/v1",
  kind: "File",
  metadata: { name },
  spec,
});

export const keyFor = (manifest: Manifest): Key => keyOf(refOf(manifest, "filesystem"));

const declare = (manifest: Manifest): Declared => ({
  manifest,
  origin: { file: "app.yaml", line: 3 },
  digest: digestOf(manifest),
});

export const itemOf = (manifest: Manifest, tracked?: Tracked): Item & { readonly declared: Declared } => ({
  key: keyFor(manifest),
  declared: declare(manifest),
  ...(tracked === undefined ? {} : { tracked }),
});

export const PLANNED: Planned = { action: "update", reason: "test", stamp: "test" };

const lease: Lease = {
  application: "web",
  holder: "test",
  token: 1,
  signal: new AbortController().signal,
  valid: () => true,
  renew: async () => {},
  release: async () => {},
};

export function context(more: Partial<WriteContext> = {}): WriteContext {
  return {
    application: "web",
    owner: OWNER,
    fingerprint: projectDigest,
    lease,
    checkpoint: async () => {},
    ...more,
  };
}

/** The row of a confirmed apply. */
export function rowOf(manifest: Manifest, uid: string | undefined, state?: TargetState): Tracked {
  return {
    key: keyFor(manifest),
    apiVersion: manifest.apiVersion,
    dependsOn: [],
    mask: true,
    expected: "something",
    ...(uid === undefined ? {} : { uid }),
    ...(state === undefined ? {} : { state }),
  };
}

/** Observes and applies; answers the row that the inventory has then. */
export async function sync(
  target: Target,
  manifest: Manifest,
  tracked?: Tracked,
  more?: Partial<WriteContext>,
): Promise<Tracked> {
  const item = itemOf(manifest, tracked);
  const seen = (await target.observe([item], context(more))).get(item.key);
  if (seen === undefined) throw new Error("observe did not answer");
  if (seen.status === "unknown") throw seen.error;
  const applied = await target.apply(item, PLANNED, seen, context(more));
  if (applied.status !== "done") throw new Error("apply is pending");
  return rowOf(manifest, applied.live.uid, applied.state);
}

export async function observe(target: Target, manifest: Manifest, tracked?: Tracked): Promise<Observed> {
  const item = itemOf(manifest, tracked);
  const seen = (await target.observe([item], context())).get(item.key);
  if (seen === undefined) throw new Error("observe did not answer");
  return seen;
}

export const pathOf = ({ namespace, kind, group, name }: Omit<Ref, "target">): string =>
  `${namespace === "" ? "_cluster" : namespace}/${group === "" ? kind : `${kind}.${group}`}/${name}.yaml`;

export const toYaml = (manifest: Manifest): string => emitYaml(manifest);
export const fromYaml = (text: string): unknown => parseYaml(text, { file: "test" }).documents[0]?.value;
