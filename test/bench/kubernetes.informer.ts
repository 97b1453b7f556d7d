// client-go's informers beside our watch cache, where Go is on the machine.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Cluster } from "../servers/kubernetes.ts";
import type { Row } from "./bench.ts";

const execute = promisify(execFile);

/** What client-go's informers take for the same objects, in MB, by what they hold; a text says why that is not known. */
export async function informerMemory(
  cluster: Cluster,
  namespace: string,
  count: number,
): Promise<ReadonlyMap<string, number> | string> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-informer-"));
  try {
    const program = join(directory, "informer");
    const cwd = join(import.meta.dirname, "kubernetes-go");
    const env = { ...process.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "-mod=readonly -buildvcs=false" };
    await execute("go", ["build", "-o", program, "."], { cwd, env, timeout: 600_000 });
    const { stdout } = await execute(program, [cluster.kubeconfig, namespace], { timeout: 120_000 });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    for (const [what, held] of lines) if (held !== String(count)) return `${what} informer held ${held} objects`;
    return new Map(lines.map(([what = "", , megabytes]) => [what, Number(megabytes)]));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "no go on this machine" : String(error).slice(0, 200);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export function informerRows(informers: ReadonlyMap<string, number> | string, mine: number, objects: number): Row[] {
  return ["typed", "unstructured"].map((kind): Row => {
    const what = `heap of our watch cache for ${objects} objects, times client-go's informer of ${kind} objects`;
    const theirs = typeof informers === "string" ? undefined : informers.get(kind);
    const why = typeof informers === "string" ? informers : "it did not say";
    if (theirs === undefined) return { what, value: Number.NaN, unit: "×", note: `not measured: ${why}` };
    return {
      what,
      value: mine / theirs,
      unit: "×",
      limit: 1 / 3,
      note: `${mine.toFixed(1)} MB, theirs ${theirs.toFixed(1)} MB`,
    };
  });
}
