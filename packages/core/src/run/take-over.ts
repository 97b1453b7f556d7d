import { TrueUpError, type Lease, type RowChange } from "@trueup/spec";
import { checkOwned, routedNames } from "../gate/project.ts";
import type { Engine, Runtime } from "../runtime.ts";

/**
 * An application that was renamed takes the record of its former name, in one write: nothing is deleted, nothing made anew.
 * A former name that is an application of its own keeps what it has. Throws `CONFLICT` where another holds it.
 */
export async function takeOver(engine: Engine, { application }: Runtime, lease: Lease): Promise<void> {
  for (const former of application.formerly ?? []) {
    if (former === application.name || engine.applications.has(former)) continue;
    const { state, inventory } = await engine.store.read(former);
    if (inventory.size === 0) continue;
    // A former name is a claim to what another had: it takes nothing that its project does not allow.
    const project = engine.projectOf(application);
    if (project !== undefined) checkOwned(project, inventory.keys(), routedNames(engine.targets));
    const theirs = await engine.store.claim(former, engine.holder, engine.leaseMs);
    if (theirs === undefined) {
      throw new TrueUpError(
        "CONFLICT",
        `application ${former}, which ${application.name} was, is held by another controller`,
      );
    }
    try {
      const own = await engine.store.read(application.name);
      const rows: RowChange[] = [...inventory.values()].map((tracked) => ({ type: "track", tracked }));
      if (Object.keys(own.state).length === 0) rows.push({ type: "state", state });
      await engine.store.write([
        { application: former, lease: theirs, rows: [{ type: "forget" }] },
        { application: application.name, lease, rows },
      ]);
    } finally {
      await theirs.release();
    }
  }
}
