/** A generator, the target of applications and projects together, from a Git repository: a directory is an application that runs. */
import { applicationTarget, createController, memoryStore, type Controller } from "@trueup/core";
import { applications, directories, files, matrix } from "@trueup/generators";
import { git } from "@trueup/git";
import { memoryTarget, repository } from "@trueup/testkit";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";

const config = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;
interface Values {
  readonly directory: { readonly name: string; readonly path: string };
  readonly env: string;
}

it("every pair of directory and environment is an application; one value more is one more, one less is removed", async () => {
  const directory = await mkdtemp(join(tmpdir(), "trueup-generated-"));
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }));
  const repo = await repository(join(directory, "repo"));
  await repo.commit("first", {
    "apps/web/a.yaml": config("web"),
    "apps/api/a.yaml": config("api"),
    "envs/staging.yaml": "env: staging\n",
  });
  const source = git({ url: repo.path, ref: "refs/heads/main" });
  const live = memoryTarget();
  const controller: Controller = createController<string, string>({
    sources: { repo: source },
    renderers: {
      generated: applications<Values>({
        generate: matrix(directories({ match: "apps/*" }), files({ match: "envs/*.yaml" })),
        template: { spec: { source: "repo", target: "live" } },
        fill: ({ directory, env }, { spec }) => ({
          metadata: { name: `${directory.name}-${env}` },
          spec: { ...spec, path: directory.path, namespace: env },
        }),
      }),
    },
    projects: {
      team: { sources: ["repo"], targets: ["applications", "live"], namespaces: ["", "staging", "production"] },
    },
    targets: { live, applications: applicationTarget((): Controller => controller) },
    store: memoryStore(),
    concurrency: 1,
    applications: [{ name: "all", source: "repo", target: "applications", renderer: "generated", project: "team" }],
  });
  onTestFinished(async () => {
    await controller.stop();
    await source.close?.();
  });
  const stands = async (...expected: string[]): Promise<void> => {
    await vi.waitFor(
      () => {
        const objects = live.objects().map(({ metadata: { namespace, name } }) => `${namespace}/${name}`);
        expect(objects.toSorted()).toEqual(expected);
        expect(controller.status("all").health).toEqual({ status: "healthy" });
      },
      { timeout: 15_000, interval: 10 },
    );
  };
  await controller.start();
  await stands("staging/api", "staging/web");
  expect(controller.applications().map(({ name, project }) => `${name} ${project}`)).toEqual([
    "all team",
    "api-staging team",
    "web-staging team",
  ]);

  await repo.commit("production", { "envs/production.yaml": "env: production\n" });
  await controller.refresh();
  await stands("production/api", "production/web", "staging/api", "staging/web");

  await repo.commit("no API", { "apps/api/a.yaml": null });
  await controller.refresh();
  await stands("production/web", "staging/web");

  await repo.commit("an environment of their own", { "envs/wild.yaml": "env: wild\n" });
  await controller.refresh();
  await vi.waitFor(
    () =>
      expect(controller.status("web-wild").error?.message).toContain("namespace wild is not allowed in project team"),
    {
      timeout: 15_000,
    },
  );
  expect(live.objects()).toHaveLength(2);
});
