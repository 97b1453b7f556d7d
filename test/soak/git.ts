import type { Manifest, Source } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import type { Random } from "./random.ts";

/** What is declared: a file each. */
export interface Declared {
  readonly path: string;
  readonly application: string;
  readonly manifest: Manifest;
}

/** A repository that keeps its last two revisions, so that what grows is not it. */
export interface Git {
  readonly source: Source;
  /** By path. */
  readonly files: Map<string, Declared>;
  /** What is in `files` now is the next revision. */
  commit(): void;
}

export function createGit(): Git {
  const files = new Map<string, Declared>();
  let count = 0;
  let revisions: { readonly id: string; readonly texts: Map<string, string> }[] = [];
  const head = (): { id: string; texts: Map<string, string> } => revisions.at(-1) ?? { id: "r0", texts: new Map() };
  return {
    files,
    commit() {
      const texts = new Map(Array.from(files.values(), ({ path, manifest }) => [path, JSON.stringify(manifest)]));
      revisions = [...revisions.slice(-1), { id: `r${++count}`, texts }];
    },
    source: {
      name: "soak",
      resolve: async () => ({ id: head().id, ref: "refs/heads/main" }),
      async open({ id }, { previous } = {}) {
        // What was current a moment ago and is kept no more: the newest takes its place.
        const { texts } = revisions.find((revision) => revision.id === id) ?? head();
        const relation = previous === undefined ? "unknown" : previous.id === id ? "same" : "forward";
        const commit = { id, message: id, time: 1_700_000_000_000, parents: [] };
        return { tree: memoryTree(texts, () => {}), commit: { ...commit, author: AUTHOR }, relation, close: () => {} };
      },
    },
  };
}

const AUTHOR = { name: "A. Writer", email: "writer@example.org" };
let made = 0;

/** Another object of an application: mostly ConfigMaps, and what has lists, Secrets, and a status of its own. */
export function another(random: Random, application: string, namespace: string): Declared {
  const name = `o-${++made}`;
  const metadata = { name, namespace };
  return { path: `${application}/${name}.yaml`, application, manifest: manifestOf(random, metadata) };
}

export function manifestOf(random: Random, metadata: { readonly name: string; readonly namespace: string }): Manifest {
  const value = String(random.below(1_000_000));
  const kind = Number(metadata.name.slice(2)) % 10;
  const labels = { app: metadata.name };
  if (kind === 0) {
    return {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { clusterIP: "None", selector: labels, ports: [{ name: "http", port: 1 + random.below(60_000) }] },
    };
  }
  if (kind === 1) {
    // Paused: nobody is there to roll it out.
    const container = { name: "web", image: `registry.example/web:${value}`, env: [{ name: "A", value }] };
    const template = { metadata: { labels }, spec: { containers: [container] } };
    const spec = { replicas: 0, paused: true, selector: { matchLabels: labels }, template };
    return { apiVersion: "apps/v1", kind: "Deployment", metadata, spec };
  }
  if (kind < 4) return { apiVersion: "v1", kind: "Secret", metadata, stringData: { value } };
  const dropped: Record<string, string> = random.chance(50) ? { sometimes: value } : {};
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value, ...dropped } };
}
