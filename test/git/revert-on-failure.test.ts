import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, memoryStore, type ControllerEvent } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git, gitWriter, revertOnFailure } from "@trueup/git";
import { gitServer, gitServerMissing, runGit } from "@trueup/testkit";
import { expect, it } from "vitest";

const author = { name: "Bot", email: "bot@example.com" };
const config = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  value: ${value}\n`;

it(
  "a bad commit is reverted on the server, and the controller is well again by that",
  { timeout: 60_000 },
  async ({ skip }) => {
    const missing = gitServerMissing();
    if (missing !== undefined) skip(missing);
    const root = await mkdtemp(join(tmpdir(), "trueup-revert-"));
    runGit(root, ["init", "-q", "--bare", "-b", "main", "deploy.git"]);
    const server = await gitServer({ root });
    const url = server.url("deploy.git");
    const writer = gitWriter({ url, cacheDir: false });
    const source = git({ url, ref: "main", cacheDir: false });
    const live = join(root, "live");
    const commit = async (file: string, text: string): Promise<string> =>
      (await writer.commit({ branch: "main", from: null, author, message: "change", edits: { [file]: text } })).id;
    const controller = createController({
      sources: { deploy: source },
      targets: { live: filesystem({ root: live }) },
      store: memoryStore(),
      failurePolicies: { revert: revertOnFailure(writer, { author }) },
      applications: [
        { name: "web", source: "deploy", path: "web", target: "live", namespace: "demo", onFailure: "revert" },
      ],
    });
    const events: ControllerEvent[] = [];
    const seen = async (wanted: (event: ControllerEvent) => boolean): Promise<ControllerEvent> => {
      for (let i = 0; i < 400; i++) {
        const found = events.find(wanted);
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`not within 10 s; seen: ${events.map(({ type }) => type).join(", ")}`);
    };
    controller.subscribe((event) => events.push(event));
    try {
      const good = await commit("web/web.yaml", config("good"));
      await controller.start();
      await seen((event) => event.type === "run-finished" && event.outcome === "succeeded");
      const bad = await commit("web/web.yaml", "kind: [\n");
      await controller.refresh("deploy");
      const answered = await seen((event) => event.type === "failure-answered");
      const made = runGit(join(root, "deploy.git"), ["rev-parse", "main"]);
      expect(answered).toMatchObject({
        policy: "revert",
        status: "done",
        revision: { id: bad },
        commit: made,
        message: `web is back at ${good} on main`,
      });
      expect(runGit(join(root, "deploy.git"), ["diff", "--stat", good, made])).toBe("");
      expect(runGit(join(root, "deploy.git"), ["log", "-1", "--format=%(trailers:key=TrueUp-Reverts,valueonly)"])).toBe(
        bad,
      );

      await controller.refresh("deploy");
      await seen((event) => event.type === "run-finished" && event.outcome !== "failed" && event.revision?.id === made);
      expect(controller.status("web")).toMatchObject({ phase: "idle", revision: { id: made } });
      expect(await readFile(join(live, "demo", "ConfigMap", "web.yaml"), "utf8")).toContain("value: good");

      // Another bad commit, which somebody mends before the controller gets there: it is theirs.
      await commit("web/web.yaml", "kind: [\n");
      const mended = await commit("web/web.yaml", config("mended"));
      await controller.refresh("deploy");
      await seen((event) => event.type === "run-finished" && event.revision?.id === mended);
      expect(runGit(join(root, "deploy.git"), ["rev-parse", "main"])).toBe(mended);
      expect(events.filter(({ type }) => type === "failure-answered")).toHaveLength(1);
    } finally {
      await controller.stop();
      await writer.close();
      await source.close?.();
      await server.close();
      await rm(root, { recursive: true });
    }
    expect(existsSync(root)).toBe(false);
  },
);
