import { isTrueUpError, type Renderer, type RenderInput, type Rendered, type Tree } from "@trueup/spec";
import { build, KUSTOMIZE_VERSION } from "./build.ts";
import { FILE_NAMES } from "./kustomization.ts";
import type { KustomizeOptions } from "./options.ts";

/**
 * Renders directories with a kustomization. Its version changes with what it prints.
 *
 * ```ts
 * createController({ renderers: { kustomize: kustomize() }, … });
 * ```
 */
export function kustomize(options: KustomizeOptions = {}): Renderer {
  return {
    name: "kustomize",
    version: `1 (kustomize ${KUSTOMIZE_VERSION})`,
    detects,
    render: ({ tree, path, context, signal }: RenderInput): Promise<Rendered> =>
      build(tree, path, { ...options, cache: context.cache, ...(signal === undefined ? {} : { signal }) }).then(
        ({ objects, warnings }) => ({ objects, hooks: [], warnings }),
      ),
  };
}

async function detects(tree: Tree): Promise<boolean> {
  for (const name of FILE_NAMES) {
    try {
      await tree.read(name);
      return true;
    } catch (error) {
      if (!isTrueUpError(error) || error.code !== "NOT_FOUND") throw error;
    }
  }
  return false;
}
