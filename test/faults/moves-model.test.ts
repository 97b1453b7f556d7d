// Fault 34 at random: objects change hands between three applications while those run in any order, restart, and are held elsewhere.
import { createController, memoryStore, type Controller } from "@trueup/core";
import type { Lease } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import fc from "fast-check";
import { expect, it } from "vitest";

const APPLICATIONS = ["a", "b", "c"] as const;
const OBJECTS = ["o0", "o1", "o2", "o3", "o4"] as const;
type Owner = (typeof APPLICATIONS)[number] | undefined;

type Step =
  | { readonly type: "commit"; readonly owners: readonly Owner[]; readonly value: number }
  | { readonly type: "sync"; readonly application: string }
  | { readonly type: "sync-all" }
  | { readonly type: "restart" }
  | { readonly type: "hold" | "let-go"; readonly application: string };

const application = fc.constantFrom(...APPLICATIONS);
// Most often somebody has it: what nobody has for a moment may be deleted.
const owner: fc.Arbitrary<Owner> = fc.oneof(
  { weight: 9, arbitrary: application },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant("commit" as const),
    owners: fc.array(owner, { minLength: OBJECTS.length, maxLength: OBJECTS.length }),
    value: fc.nat(2),
  }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant("sync" as const), application }) },
  fc.constant({ type: "sync-all" as const }),
  fc.constant({ type: "restart" as const }),
  fc.record({ type: fc.constantFrom("hold" as const, "let-go" as const), application }),
);

const config = (name: string, value: number): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;

it.each([[true], [false]])(
  "fault 34: whoever runs when, nothing that somebody declares is deleted (marks: %s)",
  { timeout: 60_000 },
  async (marks) => {
    let moved = 0;
    const run = async (steps: readonly Step[]): Promise<void> => {
      const source = memorySource({
        files: Object.fromEntries(APPLICATIONS.map((name) => [`${name}/none.yaml`, "# none\n"])),
      });
      const target = memoryTarget({ marks });
      const store = memoryStore();
      const held = new Map<string, Lease>();
      const open = (): Controller => {
        const controller = createController({
          sources: { git: source },
          targets: { live: target },
          store,
          applications: APPLICATIONS.map((name) => ({
            name,
            source: "git",
            path: name,
            target: "live",
            prune: { allowEmpty: true },
          })),
        });
        controller.subscribe(({ type }) => void (type === "object-moved" && moved++));
        return controller;
      };
      const uidOf = (name: string): string | undefined => target.live({ kind: "ConfigMap", name })?.uid;
      let controller = open();
      let owners: readonly Owner[] = OBJECTS.map(() => undefined);
      let value = 0;
      /** Objects that somebody has declared ever since they were seen, with their uids. */
      const standing = new Map<string, string>();
      const check = (): void => {
        for (const [name, uid] of standing) expect([name, uidOf(name)]).toEqual([name, uid]);
        for (const [i, name] of OBJECTS.entries()) {
          const uid = uidOf(name);
          if (owners[i] !== undefined && uid !== undefined) standing.set(name, uid);
        }
      };
      try {
        for (const now of steps) {
          switch (now.type) {
            case "commit": {
              const files: Record<string, string | undefined> = {};
              for (const [i, name] of OBJECTS.entries()) {
                for (const one of APPLICATIONS) files[`${one}/${name}.yaml`] = undefined;
                const to = now.owners[i];
                if (to === undefined) standing.delete(name);
                else files[`${to}/${name}.yaml`] = config(name, now.value);
              }
              source.commit(files);
              ({ owners, value } = now);
              break;
            }
            case "sync":
              await controller.sync(now.application);
              break;
            case "sync-all":
              await Promise.all(APPLICATIONS.map(async (name) => await controller.sync(name)));
              break;
            case "restart":
              await controller.stop();
              controller = open();
              break;
            case "hold": {
              const lease = await store.claim(now.application, "somebody else", 60_000);
              if (lease !== undefined) held.set(now.application, lease);
              break;
            }
            case "let-go":
              await held.get(now.application)?.release();
              held.delete(now.application);
          }
          check();
        }
        for (const lease of held.values()) await lease.release();
        for (let round = 0; round < 4; round++) for (const name of APPLICATIONS) await controller.sync(name);
        check();
        const wanted = OBJECTS.flatMap((name, i) =>
          owners[i] === undefined ? [] : [[name, { value: String(value) }, owners[i]]],
        );
        const found: unknown[] = [];
        for (const name of OBJECTS) {
          const live = target.get({ kind: "ConfigMap", name });
          if (live === undefined) continue;
          const rows: string[] = [];
          for (const one of APPLICATIONS) {
            const { inventory } = await store.read(one);
            if ([...inventory.keys()].some((key) => key.endsWith(`/${name}`))) rows.push(one);
          }
          found.push([name, live["data"], rows.join()]);
        }
        expect(found).toEqual(wanted);
      } finally {
        await controller.stop();
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 30, size: "max" }), run), {
      numRuns: 8,
    });
    expect(moved).toBeGreaterThan(0);
  },
);
