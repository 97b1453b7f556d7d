import { formatKey } from "@trueup/spec";
import type { Demo } from "./demo.ts";
import { broken, scaled as scaledFiles, WITHOUT_SETTINGS } from "./files.ts";
import { say } from "./say.ts";

const ADA = { author: { name: "Ada", email: "ada@example.org" } };
const BOB = { author: { name: "Bob", email: "bob@example.org" } };

/** The main job, step by step. Answers whether each step was seen to be true. */
export async function story(demo: Demo): Promise<boolean> {
  const { repository, controller, live, events } = demo;
  const startedAt = performance.now();
  let passed = true;
  const check = (what: string, ok: boolean): void => {
    passed &&= ok;
    say.check(ok, what);
  };
  const web = `Deployment.apps ${live.namespace}/web`;
  const touched = (from: number): string[] =>
    events
      .slice(from)
      .flatMap((event) =>
        event.type === "object-applied" || event.type === "object-deleted" ? [formatKey(event.key)] : [],
      )
      .toSorted();
  const undo = controller.subscribe((event) => {
    if (event.type === "run-planned" && event.plan.changes.length > 0) say.plan(event.plan);
  });
  say.title(live.place, repository.path);

  say.step(1, "First sync", "a commit becomes a running system");
  await live.addForeign();
  const first = demo.finished(await repository.head());
  await controller.start();
  check("three objects were made, and are healthy", (await first).outcome === "succeeded" && touched(0).length === 3);
  check("the live system holds them", (await live.replicas()) === 2 && (await live.settingsVersion()) !== undefined);

  say.step(2, "A commit changes one object", "Bob: Scale the shop for the weekend");
  let from = events.length;
  const before = await live.settingsVersion();
  const scaled = await demo.finished(
    await repository.commit("Scale the shop for the weekend", scaledFiles(live.namespace), BOB),
  );
  check("only that object was touched", scaled.outcome === "succeeded" && touched(from).join() === web);
  check("its neighbours were not written", (await live.settingsVersion()) === before);

  say.step(3, "Somebody edits the live system", "replicas: 5 becomes 1, past Git");
  from = events.length;
  const healing = demo.finished();
  const editedAt = performance.now();
  await live.scale(1);
  const healed = await healing;
  const ms = Math.round(performance.now() - editedAt);
  check(`healed after ${ms} ms`, healed.outcome === "succeeded" && (await live.replicas()) === 5);
  check("and nothing else was written", touched(from).join() === web);

  say.step(4, "An object leaves Git", "Ada: The settings moved into the image");
  from = events.length;
  const pruned = await demo.finished(
    await repository.commit("The settings moved into the image", WITHOUT_SETTINGS, ADA),
  );
  check(
    "it was pruned",
    pruned.outcome === "succeeded" && (await live.settingsVersion()) === undefined && touched(from).length === 1,
  );
  check("what was never ours is still there", await live.foreignStands());

  say.step(5, "A bad commit", "Bob: Label the tiers");
  from = events.length;
  const bad = await demo.finished(await repository.commit("Label the tiers", broken(live.namespace), BOB));
  const message = bad.error?.message ?? "";
  say.error(message);
  const named =
    message.includes("deploy/web.yaml") &&
    /:7\b/.test(message) &&
    message.includes("labels") &&
    message.includes("tier");
  check("the error names file, line and field", bad.outcome === "failed" && named);
  check("what runs was left as it was", (await live.replicas()) === 5 && touched(from).length === 0);

  say.step(6, "A revert", "Ada: git revert HEAD");
  const reverted = await demo.finished(await repository.revert(ADA));
  const { phase, sync, health } = controller.status("shop");
  say.text(`${phase}, ${sync}, ${health.status}`);
  check(
    "the application is well again",
    reverted.outcome === "succeeded" && sync === "synced" && health.status === "healthy",
  );

  say.step(7, "The history", "who changed what, when, and what became of it");
  const history = await Array.fromAsync(controller.history({ application: "shop" }));
  say.history(history.toReversed());
  check(
    "every run is in it",
    history.map(({ outcome }) => outcome).join() === "succeeded,failed,succeeded,succeeded,succeeded,succeeded",
  );

  undo();
  say.end(passed, performance.now() - startedAt);
  return passed;
}
