import { binaries, type BinariesOptions, type Unavailable } from "./binaries.ts";
import { run } from "./run.ts";

type KubectlReading =
  /** JSON texts, as kubectl would send them to a server, Lists flattened: kept as texts, because they may hold integers beyond 2^53. */
  | { readonly status: "read"; readonly documents: readonly string[] }
  | { readonly status: "refused"; readonly message: string };

/** Reads a YAML stream as kubectl does. Each object needs apiVersion, kind and metadata.name. */
export type KubectlReader = (yaml: string) => Promise<KubectlReading>;

/**
 * A real kubectl as the reference for reading YAML. It needs no cluster: a local merge patch that changes nothing takes
 * the same path from bytes to object as `kubectl apply -f -`, and asks no server about kinds.
 */
export async function kubectlReader(
  options: BinariesOptions = {},
): Promise<Unavailable | { status: "found"; read: KubectlReader }> {
  const found = await binaries(["kubectl"], options);
  if (found.status === "unavailable") return found;
  const kubectl = found.paths["kubectl"] ?? "kubectl";
  const args = ["patch", "--local", "--type=merge", "--patch={}", "--output=json", "--filename=-"];
  return {
    status: "found",
    async read(yaml) {
      const { code, stdout, stderr } = await run(kubectl, args, { input: yaml, env: { KUBECONFIG: "" } });
      if (code !== 0) return { status: "refused", message: stderr.trim() };
      // Pretty-printed one after another: only an object's own closing brace stands at the start of a line.
      return { status: "read", documents: stdout.split(/(?<=^\})\n/m).filter((text) => text !== "") };
    },
  };
}
