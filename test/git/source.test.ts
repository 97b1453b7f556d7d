import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { git, workingTree } from "@trueup/git";
import type { Source } from "@trueup/spec";
import {
  gitServer,
  gitServerMissing,
  repository,
  sourceCases,
  type SourceFiles,
  type SourceHarness,
} from "@trueup/testkit";
import { describe, it } from "vitest";

async function temporary(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "trueup-source-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

function cases(harness: SourceHarness, reason?: string): void {
  for (const { name, run } of sourceCases(harness)) {
    it(name, ({ skip }) => {
      if (reason !== undefined) skip(reason);
      return run();
    });
  }
}

async function committed(
  files: SourceFiles,
  open: (path: string) => Promise<{ source: Source; dispose?: () => Promise<void> }>,
): ReturnType<SourceHarness["create"]> {
  const { path, remove } = await temporary();
  const repo = await repository(join(path, "repo"));
  await repo.commit("first", files);
  const opened = await open(path);
  let commits = 0;
  return {
    source: opened.source,
    change: async (files) => void (await repo.commit(`change ${++commits}`, files)),
    async dispose() {
      await opened.dispose?.();
      await remove();
    },
  };
}

describe("git(), a path", () => {
  cases({ create: (files) => committed(files, async (path) => ({ source: git({ url: join(path, "repo") }) })) });
});

describe("git(), a file: URL and a branch", () => {
  cases({
    create: (files) =>
      committed(files, async (path) => ({ source: git({ url: `file://${path}/repo`, ref: { branch: "main" } }) })),
  });
});

const missing = gitServerMissing();

describe("git(), http, objects on disk", () => {
  cases(
    {
      create: (files) =>
        committed(files, async (path) => {
          const server = await gitServer({ root: path });
          return {
            source: git({ url: server.url("repo"), cacheDir: join(path, "cache") }),
            dispose: () => server.close(),
          };
        }),
    },
    missing,
  );
});

describe("git(), http, objects in memory", () => {
  cases(
    {
      create: (files) =>
        committed(files, async (path) => {
          const server = await gitServer({ root: path });
          return { source: git({ url: server.url("repo"), cacheDir: false }), dispose: () => server.close() };
        }),
    },
    missing,
  );
});

describe("git(), http, protocol 0", () => {
  cases(
    {
      create: (files) =>
        committed(files, async (path) => {
          const server = await gitServer({ root: path, protocolV0: true });
          return {
            source: git({ url: server.url("repo"), cacheDir: false, ref: "main" }),
            dispose: () => server.close(),
          };
        }),
      // A server that speaks version 0 gives only what its refs stand for.
      history: false,
    },
    missing,
  );
});

describe("workingTree()", () => {
  cases({
    history: false,
    async create(files) {
      const { path, remove } = await temporary();
      const change = async (files: SourceFiles): Promise<void> => {
        for (const [name, content] of Object.entries(files)) {
          await mkdir(dirname(join(path, name)), { recursive: true });
          if (content === null) await rm(join(path, name));
          else await writeFile(join(path, name), content);
        }
      };
      await change(files);
      return { source: workingTree({ path }), change, dispose: remove };
    },
  });
});
