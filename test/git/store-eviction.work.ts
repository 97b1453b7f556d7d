/** Opens a snapshot, and on each line from its parent reads it, or opens the newest. Answers with a line of JSON. */
import { createInterface } from "node:readline";
import { git } from "@trueup/git";

const [url = "", cacheDir = ""] = process.argv.slice(2);
const source = git({ url, ref: "main", cacheDir });
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const first = await source.open(await source.resolve());
say("open");
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { tree } = line === "newest" ? await source.open(await source.resolve()) : first;
    const files: Record<string, string> = {};
    for (const { path } of await tree.list("deploy")) files[path] = Buffer.from(await tree.read(path)).toString();
    say(files);
  } catch (error) {
    say(String(error));
  }
}
await source.close?.();
