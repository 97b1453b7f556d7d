import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { intercept } from "./intercept.ts";

/** Where a process ends itself: before or after the effect of the nth call (from 1) of any wrapped object. */
export interface KillPoint {
  readonly step: number;
  readonly when: "before" | "after";
}

const STEP = "TRUEUP_KILL_STEP";
const WHEN = "TRUEUP_KILL_WHEN";

/**
 * In the child of a crash sweep: `const wrap = killAt()`, then `wrap(target)`, `wrap(store)`, … The steps of all of them are
 * counted together. SIGKILL: no handler runs, no buffer is flushed. Without a point (the default is what `runToKill` asked
 * for) the objects are handed back as they are.
 */
export function killAt(point: KillPoint | undefined = askedFor()): <T extends object>(object: T) => T {
  if (point === undefined) return (object) => object;
  let step = 0;
  return (object) =>
    intercept(object, (_call, proceed) => {
      step += 1;
      if (step !== point.step) return proceed();
      if (point.when === "before") return die();
      const answer = proceed();
      return answer instanceof Promise ? answer.then(die, die) : die();
    });
}

function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => {});
}

function askedFor(): KillPoint | undefined {
  const step = Number(process.env[STEP] ?? 0);
  return step > 0 ? { step, when: process.env[WHEN] === "after" ? "after" : "before" } : undefined;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default 30,000; then it is killed and an error thrown. */
  readonly timeoutMs?: number;
}

/**
 * In the parent: runs a program with Node until it kills itself at the point, or finishes because it has fewer steps.
 * Throws where it ends otherwise, with what it wrote to stderr.
 */
export async function runToKill(
  program: string | URL,
  point: KillPoint,
  options: ChildOptions = {},
): Promise<"killed" | "finished"> {
  const file = typeof program === "string" ? program : fileURLToPath(program);
  const env = { ...process.env, ...options.env, [STEP]: String(point.step), [WHEN]: point.when };
  const child = spawn(process.execPath, [file, ...(options.args ?? [])], { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 30_000);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once("error", reject).once("close", (code, signal) => resolve([code, signal]));
    });
    if (late) throw new Error(`${file} did not end at step ${point.step}:\n${stderr}`);
    if (signal === "SIGKILL") return "killed";
    if (code === 0) return "finished";
    throw new Error(`${file} ended with ${signal ?? `code ${code}`} before step ${point.step}:\n${stderr}`);
  } finally {
    clearTimeout(deadline);
  }
}
