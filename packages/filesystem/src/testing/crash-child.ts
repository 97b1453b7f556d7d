// Runs the scenario and kills itself before the nth system call that changes the directory: node crash-child.ts <folder> <n>
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [folder = "", step] = process.argv.slice(2);
let calls = 0;

/** Calls before the scenario starts, and those on the inventory, are not the target's. */
let counting = false;
function count(): void {
  calls += 1;
  if (counting && calls === Number(step)) process.kill(process.pid, "SIGKILL");
}

for (const [object, names] of [
  [fs, ["fsync", "writeFile"]],
  [fs.promises, ["link", "mkdir", "open", "rename", "rmdir", "unlink"]],
] as const) {
  for (const name of names) {
    const original = Reflect.get(object, name) as (...args: unknown[]) => unknown;
    Reflect.set(object, name, (...args: unknown[]) => {
      if (counting) count();
      return original.apply(object, args);
    });
  }
}
const { open } = fs;
Reflect.set(fs, "open", (path: string, flags: number, ...rest: unknown[]) => {
  if (counting && (flags & fs.constants.O_CREAT) !== 0) count();
  return Reflect.apply(open, fs, [path, flags, ...rest]) as unknown;
});
syncBuiltinESMExports();

const { converge, FIRST, SECOND } = await import("./scenario.ts");
counting = true;
await converge(folder, FIRST);
await converge(folder, SECOND);
process.stdout.write(String(calls));
