import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";

const main = fileURLToPath(new URL("../../examples/demo/main.ts", import.meta.url));
const demo = async (...options: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [main, ...options], { timeout: 180_000 })).stdout;

// It ends with 0 only where each of its steps was seen to be true.
describe("the demo", () => {
  it("runs on a directory", async () => {
    expect(await demo()).toContain("Every step was checked to be true.");
  });
});

describe("the demo on a cluster", () => {
  const cluster = useKubernetes({ controllers: true });

  it("runs on the one that a kubeconfig names, and leaves nothing there", { timeout: 200_000 }, async () => {
    const namespaces = async (): Promise<string> => await cluster().kubectl(["get", "namespaces", "--output", "name"]);
    const before = await namespaces();
    const output = await demo("--kubeconfig", cluster().kubeconfig);
    expect(output).toContain("Every step was checked to be true.");
    expect(output).toContain(`live  ${cluster().url}, namespace shop-`);
    await expect.poll(namespaces, { timeout: 30_000, interval: 250 }).toBe(before);
  });
});
