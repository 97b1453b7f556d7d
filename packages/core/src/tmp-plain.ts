import { TrueUpError, type Declared, type Renderer, type Tree } from "@trueup/spec";
import { parseManifests } from "@trueup/manifest";
export function plain(): Renderer {
  return {
    name: "plain",
    detects: async () => false,
    async render({ tree, path }) {
      const objects: Declared[] = [];
      const errors: TrueUpError[] = [];
      async function walk(dir: string): Promise<void> {
        for (const e of await tree.list(dir)) {
          if (e.type === "directory") await walk(e.path);
          else if (/\.(ya?ml|json)$/.test(e.path)) {
            const p = parseManifests(await tree.read(e.path), { file: e.path });
            objects.push(...p.documents);
            errors.push(...p.errors);
          }
        }
      }
      await walk(path);
      if (errors.length === 1) throw errors[0];
      if (errors.length) throw new TrueUpError("INVALID", errors.map((e) => e.message).join("\n"), { errors });
      return { objects, hooks: [], warnings: [] };
    },
  };
}
export const schemas = () => ({ validate: async (_: readonly Declared[]): Promise<readonly TrueUpError[]> => [] });
