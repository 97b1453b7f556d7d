import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { build } from "@trueup/kustomize";
import type { RenderCache, Tree } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import { referenceBinary, referenceBuild } from "../kustomize/differential/reference.ts";
import { heap, median, time, type Row } from "./bench.ts";

export const name = "kustomize";

const run_ = promisify(execFile);
const ROUNDS = 7;

/** Against the kustomize command as a process, and against its library in a warm Go process, on the same files in one run. */
export async function run(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), "trueup-bench-kustomize-"));
  try {
    const files = overlayOf(1_000);
    write(root, files);
    const binary = await referenceBinary();
    await checkSame(binary, root, files);
    const command = await medianOf(3, () => referenceBuild(binary, join(root, "overlay")));
    const tree = treeOf(files);
    const ours = await medianOf(ROUNDS, () => build(tree, "overlay"));
    const changed = await oneChanged(files);
    const small = overlayOf(10);
    const cache = new Map<string, unknown>();
    const smallTree = treeOf(small);
    const warm = (): Promise<unknown> => build(smallTree, "overlay", { cache: cacheOf(cache) });
    for (let i = 0; i < 200; i++) await warm();
    const ten = await medianOf(101, warm);
    const growth = await growthOf(tree, treeOf(overlayOf(10_000)));
    return [
      {
        what: "1,000 resources: the command, times ours",
        value: command / ours,
        unit: "×",
        least: 5,
        note: `${ours.toFixed(0)} ms against ${command.toFixed(0)} ms`,
      },
      ...(await goRows(root, ours)),
      {
        what: "10,000 resources, times ten builds of 1,000",
        value: growth,
        unit: "×",
        limit: 1.15,
      },
      {
        what: "one file of 1,000 changed: the command, times ours",
        value: command / changed,
        unit: "×",
        least: 20,
        note: `${changed.toFixed(1)} ms`,
      },
      { what: "an overlay of ten resources, warm", value: ten, unit: "ms", limit: 5 },
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const treeOf = (files: Readonly<Record<string, string>>): Tree => memoryTree(new Map(Object.entries(files)));

/** A base of Deployments, Services and ConfigMaps, one to a file, and an overlay that changes them all. */
function overlayOf(count: number): Record<string, string> {
  const files: Record<string, string> = {};
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = `${["deploy", "service", "config"][i % 3]}-${i}.yaml`;
    names.push(name);
    files[`base/${name}`] = resource(i);
  }
  files["base/kustomization.yaml"] = `resources:\n${names.map((name) => `- ${name}\n`).join("")}`;
  files["overlay/kustomization.yaml"] = [
    "resources: [../base]",
    "namespace: prod",
    "namePrefix: prod-",
    "labels:",
    "- pairs: { env: prod }",
    "  includeSelectors: true",
    "patches:",
    "- target: { kind: Deployment }",
    "  patch: |",
    "    apiVersion: apps/v1",
    "    kind: Deployment",
    "    metadata: { name: any }",
    "    spec:",
    "      replicas: 3",
    "      template:",
    "        spec:",
    "          containers:",
    "          - name: main",
    "            env:",
    "            - { name: LEVEL, value: warn }",
    "",
  ].join("\n");
  return files;
}

function resource(i: number): string {
  const name = `app-${Math.floor(i / 3)}`;
  if (i % 3 === 1) {
    return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  selector:\n    app: ${name}\n  ports:\n  - port: 80\n    targetPort: 8080\n    protocol: TCP\n`;
  }
  if (i % 3 === 2)
    return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  level: info\n  config.yaml: |\n    a: 1\n    b:\n    - ${i}\n`;
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels:
    app: ${name}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      serviceAccountName: default
      containers:
      - name: main
        image: registry.example/${name}:v${i}
        ports:
        - containerPort: 8080
          protocol: TCP
        env:
        - name: LEVEL
          valueFrom:
            configMapKeyRef:
              name: ${name}
              key: level
        resources:
          limits:
            memory: 128Mi
            cpu: 500m
      volumes:
      - name: config
        configMap:
          name: ${name}
`;
}

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

async function checkSame(binary: string, root: string, files: Readonly<Record<string, string>>): Promise<void> {
  const reference = await referenceBuild(binary, join(root, "overlay"));
  const { yaml } = await build(treeOf(files), "overlay");
  if (!("yaml" in reference) || reference.yaml !== yaml)
    throw new Error("ours and the reference print different things: nothing to compare");
}

async function medianOf(rounds: number, body: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  await body();
  for (let i = 0; i < rounds; i++) times.push(await time(body));
  return median(times);
}

/**
 * One build of ten times as much, times ten builds. Each begins with a heap that was collected, else it pays for the garbage of what ran
 * before it, which is not of its own size; and they take turns at being first, so that a machine that gets slower meets both.
 */
async function growthOf(tree: Tree, tenfold: Tree): Promise<number> {
  const many = (): Promise<number> => timeCollected(() => build(tenfold, "overlay"));
  const ten = (): Promise<number> =>
    timeCollected(async () => {
      for (let i = 0; i < 10; i++) await build(tree, "overlay");
    });
  await many();
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = round % 2 === 0 ? await ten() : undefined;
    const large = await many();
    ratios.push(large / (before ?? (await ten())));
  }
  return median(ratios);
}

async function timeCollected(body: () => unknown): Promise<number> {
  heap();
  return time(body);
}

const cacheOf = (entries: Map<string, unknown>): RenderCache => ({
  get: (key) => entries.get(key),
  set: (key, value) => void entries.set(key, value),
});

/** With all other files parsed before, as a controller has them after its first render. */
async function oneChanged(files: Record<string, string>): Promise<number> {
  const entries = new Map<string, unknown>();
  const cache = cacheOf(entries);
  await build(treeOf(files), "overlay", { cache });
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const changed = {
      ...files,
      "base/deploy-0.yaml": (files["base/deploy-0.yaml"] ?? "").replace("replicas: 1", `replicas: ${i + 2}`),
    };
    const tree = treeOf(changed);
    const before = entries.size;
    times.push(await time(() => build(tree, "overlay", { cache })));
    if (entries.size !== before + 1) throw new Error(`${entries.size - before} files were parsed, not one`);
  }
  return median(times);
}

async function goRows(root: string, ours: number): Promise<Row[]> {
  const what = "1,000 resources: ours, times kustomize's library in a warm Go process";
  try {
    const program = join(root, "go-loop");
    const source = join(import.meta.dirname, "kustomize-go");
    await run_("go", ["build", "-o", program, "."], { cwd: source, timeout: 600_000 });
    const { stdout } = await run_(program, [root, String(5)], { timeout: 600_000 });
    const times = stdout.trim().split("\n").map(Number).slice(2);
    const theirs = median(times);
    return [{ what, value: ours / theirs, unit: "×", limit: 1, note: `${theirs.toFixed(0)} ms` }];
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "no go on this machine" : String(error).slice(0, 200);
    return [{ what, value: Number.NaN, unit: "×", note: `not measured: ${reason}` }];
  }
}
