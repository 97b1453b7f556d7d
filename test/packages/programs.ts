import { delimiter, join } from "node:path";
import { run } from "../servers/run.ts";

export const root: string = join(import.meta.dirname, "../..");
const PATH = `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"]}`;

export interface Ended {
  readonly ok: boolean;
  /** All that it said where it failed; its standard output otherwise. */
  readonly output: string;
}

/** Runs a program of the workspace, or of the machine, to its end. */
export async function program(name: string, args: readonly string[], cwd: string = root): Promise<Ended> {
  const { code, stdout, stderr } = await run(name, args, { cwd, env: { PATH, NO_COLOR: "1" } });
  return code === 0 ? { ok: true, output: stdout } : { ok: false, output: `${stdout}${stderr}` };
}

/** Throws with all that the program said where it fails. */
export async function must(name: string, args: readonly string[], cwd: string = root): Promise<void> {
  const { ok, output } = await program(name, args, cwd);
  if (!ok) throw new Error(`${name} ${args[0]} failed\n${output}`);
}
