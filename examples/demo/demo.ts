import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, type Controller, type ControllerEvent } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import { repository, type TestRepository } from "@trueup/testkit";
import { FIRST_FILES } from "./files.ts";

type Finished = Extract<ControllerEvent, { type: "run-finished" }>;

export interface Demo {
  readonly repository: TestRepository;
  /** The live system: a directory. */
  readonly live: string;
  readonly controller: Controller;
  /** Every event so far. */
  readonly events: readonly ControllerEvent[];
  /** Waits for the run about a commit (any, where none is named) that ends after now. */
  finished(commit?: string): Promise<Finished>;
  close(): Promise<void>;
}

/** A repository with a first commit, and a controller that follows it: the embedded defaults, in a temporary directory. */
export async function createDemo(): Promise<Demo> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-demo-"));
  const repo = await repository(join(directory, "repository"));
  await repo.commit("Run the shop", FIRST_FILES, { author: { name: "Ada", email: "ada@example.org" } });
  const live = join(directory, "live");
  await mkdir(live);

  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const target = filesystem({ root: live });
  const source = git({ url: repo.path, ref: "refs/heads/main" });
  const controller = createController({
    sources: { repository: source },
    targets: { live: target },
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
          reject(new Error(`no run of ${commit ?? "anything"} within 15 s`));
        }, 15_000);
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
      await target.close?.();
      await store.close?.();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
