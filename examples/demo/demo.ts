import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, type Controller, type ControllerEvent } from "@trueup/core";
import { git } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import { repository, type TestRepository } from "@trueup/testkit";
import { firstFiles } from "./files.ts";
import type { LiveSystem } from "./live.ts";
import { liveDirectory } from "./live-directory.ts";

type Finished = Extract<ControllerEvent, { type: "run-finished" }>;

export interface Demo {
  readonly repository: TestRepository;
  readonly live: LiveSystem;
  readonly controller: Controller;
  /** Every event so far. */
  readonly events: readonly ControllerEvent[];
  /** Waits for the run about a commit (any, where none is named) that ends after now. */
  finished(commit?: string): Promise<Finished>;
  close(): Promise<void>;
}

export interface DemoOptions {
  /** A Kubernetes cluster instead of a directory. `kubeconfig`: an existing one. */
  readonly kubernetes?: boolean;
  readonly kubeconfig?: string | undefined;
}

/** Loaded for those who want it. */
const cluster = async (kubeconfig: string | undefined): Promise<LiveSystem> =>
  await (await import("./live-cluster.ts")).liveCluster(kubeconfig);

/** A repository with a first commit, and a controller that follows it: the embedded defaults, in a temporary directory. */
export async function createDemo({ kubernetes, kubeconfig }: DemoOptions = {}): Promise<Demo> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-demo-"));
  const live = await (kubernetes ? cluster(kubeconfig) : liveDirectory(join(directory, "live")));
  const repo = await repository(join(directory, "repository"));
  const author = { name: "Ada", email: "ada@example.org" };
  await repo.commit("Run the shop", firstFiles(live.namespace), { author });

  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const source = git({ url: repo.path, ref: "refs/heads/main" });
  const controller = createController({
    sources: { repository: source },
    targets: { live: live.target },
    store,
    pollMs: 200,
    applications: [{ name: "shop", source: "repository", path: "deploy", target: "live" }],
  });

  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  const isFinish = (event: ControllerEvent, commit: string | undefined): event is Finished =>
    event.type === "run-finished" && (commit === undefined || event.revision?.id === commit);

  return {
    repository: repo,
    live,
    controller: controller as unknown as Controller,
    events,
    async finished(commit) {
      const from = events.length;
      return await new Promise<Finished>((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          undo();
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`no run of ${commit ?? "anything"} within ${live.patienceMs / 1_000} s`));
        }, live.patienceMs);
        const undo = controller.subscribe((event) => {
          if (!isFinish(event, commit)) return;
          end();
          resolve(event);
        });
        const already = events.slice(from).find((event) => isFinish(event, commit));
        if (already !== undefined) {
          end();
          resolve(already);
        }
      });
    },
    async close() {
      await controller.stop();
      await source.close?.();
      await live.close();
      await store.close?.();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
