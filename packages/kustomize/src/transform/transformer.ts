import type { Resource } from "../resource.ts";
import type { Resources } from "../resources.ts";

/** One step of a build: changes the resources in place. */
export interface Transformer {
  (resources: Resources): void;
  /** Present where it changes each resource for itself, and may go over one together with other steps. */
  readonly pass?: Pass;
}

export interface Pass {
  /** Called once; what it returns, for every resource. */
  readonly begin: (resources: Resources) => (resource: Resource) => void;
  /** `begin` looks at the resources, which no other step may have begun to change. */
  readonly comesFirst: boolean;
}

export function transformEach(
  begin: Pass["begin"],
  { comesFirst = false }: Partial<Pick<Pass, "comesFirst">> = {},
): Transformer {
  const run = (resources: Resources): void => {
    const change = begin(resources);
    for (const resource of resources.list) change(resource);
  };
  return Object.assign(run, { pass: { begin, comesFirst } });
}

const BETWEEN_BREATHS = 100;

/**
 * Does all that the passes do, resource by resource: while one is changed, what is looked at again is near, which among thousands it is
 * not when they are gone through once for each step. A resource that becomes empty is left alone. Throws what would be thrown if the
 * passes came one after the other: of several errors, the one of the earliest pass.
 */
export async function transformTogether(
  passes: readonly Pass[],
  resources: Resources,
  breathe: () => Promise<void>,
): Promise<void> {
  const changes: ((resource: Resource) => void)[] = [];
  let failure: { readonly error: unknown } | undefined;
  for (const { begin } of passes) {
    try {
      changes.push(begin(resources));
    } catch (error) {
      failure = { error };
      break;
    }
  }
  for (const [at, resource] of resources.list.entries()) {
    if (at % BETWEEN_BREATHS === 0) await breathe();
    for (const [i, change] of changes.entries()) {
      try {
        change(resource);
      } catch (error) {
        failure = { error };
        changes.length = i;
        break;
      }
      if (resource.isEmpty) break;
    }
  }
  if (failure !== undefined) throw failure.error;
}
