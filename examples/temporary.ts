import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that is removed when the example ends: `await using directory = await temporary()`. */
export async function temporary(): Promise<
  AsyncDisposable & { readonly path: string; join(...parts: string[]): string }
> {
  const path = await mkdtemp(join(tmpdir(), "trueup-example-"));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }),
  };
}

/** A ConfigMap, as text. */
export const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: ${value}\n`;
