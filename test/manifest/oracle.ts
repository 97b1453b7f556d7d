import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { run } from "../servers/run.ts";

const source = join(import.meta.dirname, "go");

export type Question =
  | { readonly op: "write"; readonly value: unknown }
  | { readonly op: "kubectl" | "kustomize"; readonly text: string };

export interface Answer {
  readonly output: string;
  readonly error?: string;
}

/** Go's YAML libraries as a process. */
export interface Oracle {
  ask(question: Question): Promise<Answer>;
  close(): void;
}

/** The program in `go/`, built once and kept in the user's cache; or why there is none here. */
export async function buildOracle(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const files = await Promise.all(["go.mod", "go.sum", "main.go"].map((name) => readFile(join(source, name))));
  const digest = createHash("sha256").update(Buffer.concat(files)).digest("hex").slice(0, 16);
  const directory = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "trueup", "yaml-oracle");
  const path = join(directory, process.platform === "win32" ? `${digest}.exe` : digest);
  if (existsSync(path)) return { path };

  const go = (...args: string[]) => run("go", args, { cwd: source, env: { GOWORK: "off", CGO_ENABLED: "0" } });
  try {
    const { code, stderr } = await go("mod", "download");
    if (code !== 0) return { reason: `Go modules cannot be fetched: ${stderr.trim().split("\n").at(-1)}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { reason: "go is not on this machine" };
    throw error;
  }
  await mkdir(directory, { recursive: true });
  const work = `${path}.${process.pid}`;
  const { code, stderr } = await go("build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", work, ".");
  if (code !== 0) throw new Error(`cannot build ${source}: ${stderr}`);
  await rename(work, path);
  return { path };
}

export function startOracle(path: string): Oracle {
  const child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting: ((answer: Answer) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(JSON.parse(line) as Answer));
  return {
    ask(question) {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      waiting.push(resolve);
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return promise;
    },
    close: () => void child.stdin.end(),
  };
}
