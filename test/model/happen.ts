import { ownerOfManifest } from "@trueup/spec";
import { APPLICATIONS, type ApplicationName, type Happening } from "./sequence.ts";
import { keyNamed, manifestOf, pathOf, type World } from "./world.ts";

const KEPT = { "trueup.dev/prune": "disabled" };

/** Makes it happen. What makes no sense at the moment does nothing. */
export async function happen(world: World, happening: Happening): Promise<void> {
  const { target, source, running, setup } = world;
  switch (happening.do) {
    case "commit":
    case "commit-kept": {
      const { application, object } = happening;
      const value = happening.do === "commit" ? String(happening.value) : "kept";
      // As for an application that does not prune: without a mark it would be nobody's once it was let go of.
      const annotations = happening.do === "commit" || !setup.marks ? {} : KEPT;
      return commit(world, {
        ...Object.fromEntries(APPLICATIONS.map((name) => [pathOf(name, object), undefined])),
        [pathOf(application, `anchor-${application}`)]: anchor(application),
        [pathOf(application, object)]: JSON.stringify(manifestOf(object, value, annotations)),
      });
    }
    case "commit-gone": {
      const paths = happening.objects.flatMap((object) => APPLICATIONS.map((name) => pathOf(name, object)));
      return commit(world, Object.fromEntries(paths.map((path) => [path, undefined])));
    }
    case "commit-empty": {
      const paths = Object.keys(head(world)).filter((path) => path.startsWith(`${happening.application}/`));
      return commit(world, Object.fromEntries(paths.map((path) => [path, undefined])));
    }
    case "edit": {
      const key = keyNamed(happening.object);
      const live = target.live(key);
      if (live?.uid === undefined || world.foreign.has(live.uid)) return;
      if (happening.how === "delete") target.remove(key);
      else if (happening.how === "value") target.edit(key, { "/metadata/annotations/note": "by hand" });
      else if (happening.how === "extra") target.edit(key, { "/metadata/annotations/extra": "kept" });
      else if (setup.marks)
        target.edit(key, {
          "/metadata/labels/trueup.dev~1application": undefined,
          "/metadata/annotations/trueup.dev~1tracking-id": undefined,
        });
      return;
    }
    case "foreign":
      return foreign(world, happening.object, happening.how);
    case "lose-watch":
      return target.lose({ silently: happening.silently });
    case "resync-watch":
      return target.resync();
    case "crash":
      return running[happening.process]?.process.crashIn(happening.calls, happening.when);
    case "start":
      return await world.start(happening.process);
    case "stop": {
      const stopping = running[happening.process];
      if (stopping === undefined || !stopping.process.alive) return;
      // A stop that does not come to its end in time is followed by a kill, as an orchestrator does it.
      await Promise.race([stopping.controller.stop(), world.time.pass(20_000)]);
      return stopping.process.kill();
    }
    case "freeze": {
      const frozen = running[happening.process]?.process;
      frozen?.freeze();
      setTimeout(() => frozen?.thaw(), happening.ms);
      return;
    }
    case "fail": {
      const { method, calls, lost } = happening;
      world.faults.push({ method, calls, lost });
      return;
    }
    case "source-fails":
      return source.fail(new Error("the repository is away"));
    case "source-answers":
      return source.fail(undefined);
    case "sleep":
      return await world.time.sleep(happening.ms);
    case "set-clock":
      world.clockOffset += happening.ms;
      return;
    case "suspend":
    case "resume":
    case "rollback":
    case "stop-writes":
    case "resume-writes":
      return command(world, happening);
    case "check":
      return;
  }
}

const head = (world: World): Readonly<Record<string, string>> => [...world.revisions.values()].at(-1) ?? {};

let anchors = 0;
/** Changes with each commit to its application where it is made new, so that a commit is never an empty one. */
const anchor = (application: ApplicationName): string =>
  JSON.stringify(manifestOf(`anchor-${application}`, String(anchors++ % 2)));

export function commit(world: World, change: Readonly<Record<string, string | undefined>>): void {
  const files = { ...head(world), ...change };
  const next = Object.fromEntries(
    Object.entries(files).flatMap(([path, text]) => (text === undefined ? [] : [[path, text]])),
  );
  world.revisions.set(world.source.replace(next).id, next);
}

function foreign({ target, foreign, setup }: World, object: string, how: string): void {
  const key = keyNamed(object);
  const live = target.live(key);
  const own = { ...manifestOf(object, "foreign") };
  if (how === "delete") {
    if (live?.uid !== undefined && foreign.has(live.uid)) target.remove(key);
    return;
  }
  // A target without marks cannot tell a create whose answer was lost from what somebody made there at that moment.
  if (!setup.marks) return;
  if (how === "remake") {
    if (live === undefined) return;
    target.remove(key);
    target.put(own);
  } else {
    if (live !== undefined) return;
    const ours = target.objects().find((manifest) => ownerOfManifest(manifest, keyNamed(manifest.metadata.name)));
    const { labels, annotations } = ours?.metadata ?? {};
    target.put(
      how === "put"
        ? own
        : { ...own, metadata: { ...own.metadata, ...(labels && { labels }), ...(annotations && { annotations }) } },
    );
  }
  const uid = target.live(key)?.uid;
  if (uid !== undefined) foreign.add(uid);
}

const MODEL = { actor: "model", reason: "a sequence" };

/** Does not wait for its end: a process may be frozen, or die meanwhile. */
function command(
  world: World,
  happening: Extract<Happening, { do: "suspend" | "resume" | "rollback" | "stop-writes" | "resume-writes" }>,
): void {
  const controller = world.running.find((one) => one?.process.alive === true)?.controller;
  if (controller === undefined) return;
  const made = async (): Promise<unknown> => {
    switch (happening.do) {
      case "suspend":
        return await controller.suspend(happening.application, MODEL);
      case "resume":
        return await controller.resume(happening.application);
      case "rollback":
        return await controller.rollback(happening.application, undefined, MODEL);
      case "stop-writes":
        return await controller.stopWrites("a sequence");
      case "resume-writes":
        return await controller.stopWrites(undefined);
    }
  };
  // It was never healthy, is held by another, or the controller stopped: a person would be told.
  made().catch(() => {});
}
