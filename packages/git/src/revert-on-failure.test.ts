import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrueUpError, type ErrorCode, type Failure, type HealthStatus } from "@trueup/spec";
import { bareRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Edits } from "./edit-tree.ts";
import { gitWriter, type GitWriter } from "./git-writer.ts";
import { revertOnFailure, type RevertOnFailureOptions } from "./revert-on-failure.ts";

const author = { name: "Bot", email: "bot@example.com" };

describe("revertOnFailure", () => {
  let root: string;
  let writer: GitWriter;
  let healthy: string;
  let failed: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-revert-"));
    await bareRepository(root);
    writer = gitWriter({ url: root });
    healthy = await commit({ "web/a": "1\n", "web/sub/b": "1\n", "db/c": "1\n", top: "1\n" }, null);
    await commit({ "web/a": "2\n", "web/new": "2\n", "db/c": "2\n" });
    failed = await commit({ "web/a": "3\n", "web/sub/b": null, other: "3\n", top: null });
  });
  afterEach(async () => {
    await writer.close();
    await rm(root, { recursive: true });
  });

  const commit = async (edits: Edits, from?: null, message = "change"): Promise<string> =>
    (await writer.commit({ branch: "main", author, message, edits, ...(from === null && { from }) })).id;
  const answer = async (failure: Partial<Failure> = {}, options: Partial<RevertOnFailureOptions> = {}) =>
    await revertOnFailure(writer, { author, ...options })({
      application: { name: "shop", source: "s", target: "t", path: "web" },
      revision: { id: failed, ref: "refs/heads/main" },
      lastHealthy: { id: healthy, ref: "refs/heads/main" },
      error: new TrueUpError("INVALID", `a.yaml: ${"x".repeat(300)}\nmore`),
      entry: { run: "r", startedAt: 0, finishedAt: 0, trigger: "t", outcome: "failed", changes: [] },
      ...failure,
    });
  const files = async (branch = "main"): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    const tree = (await writer.head(branch))?.tree;
    const walk = async (path: string): Promise<void> => {
      for (const entry of (await tree?.list(path)) ?? []) {
        if (entry.type === "directory") await walk(entry.path);
        else found[entry.path] = Buffer.from((await tree?.read(entry.path)) ?? []).toString();
      }
    };
    await walk("");
    return found;
  };
  const declined = (message: string) => ({ status: "declined", message });

  it("puts the application's files back, and no others, and says why", async () => {
    const done = await answer();
    const head = await writer.head("main");
    expect(done).toEqual({ status: "done", commit: head?.commit.id, message: `web is back at ${healthy} on main` });
    expect(await files()).toEqual({ "web/a": "1\n", "web/sub/b": "1\n", "db/c": "2\n", other: "3\n" });
    expect(head?.commit).toMatchObject({ parents: [failed], author });
    expect(head?.commit.message).toBe(
      [
        `Revert shop to ${healthy.slice(0, 12)}`,
        "",
        `It failed at ${failed.slice(0, 12)}: a.yaml: ${"x".repeat(192)}…`,
        "",
        `TrueUp-Reverts: ${failed}`,
        `TrueUp-Restores: ${healthy}`,
        "",
      ].join("\n"),
    );
    // Never twice, and never a revert of a revert.
    const reverted = head?.commit.id ?? "";
    expect(await answer()).toEqual(declined(`main is at ${reverted} by now`));
    const again = { revision: { id: reverted, ref: "refs/heads/main" } };
    expect(await answer(again)).toEqual(declined(`${reverted} is a revert itself`));
    expect((await writer.head("main"))?.commit.id).toBe(reverted);
  });

  it("puts back what it is told to: other paths, or everything", async () => {
    await answer({}, { paths: ["./web/", "db"] });
    expect(await files()).toEqual({ "web/a": "1\n", "web/sub/b": "1\n", "db/c": "1\n", other: "3\n" });
    const id = (await writer.head("main"))?.commit.id ?? "";
    const newer = await commit({ other: "4\n" });
    expect(id).not.toBe(newer);
    const application = { name: "shop", source: "s", target: "t" };
    const all = await answer({ application, revision: { id: newer, ref: "refs/heads/main" } });
    expect(all).toMatchObject({ status: "done", message: `everything is back at ${healthy} on main` });
    expect(await files()).toEqual({ "web/a": "1\n", "web/sub/b": "1\n", "db/c": "1\n", top: "1\n" });
  });

  it("onto a branch of its own, once", async () => {
    const branch = ({ application, commit: id }: { application: string; commit: string }): string =>
      `revert/${application}-${id.slice(0, 7)}`;
    const name = `revert/shop-${failed.slice(0, 7)}`;
    const committer = { name: "Committer", email: "c@example.com" };
    const done = await answer({}, { branch, committer });
    const head = await writer.head(name);
    expect(done).toEqual({ status: "done", commit: head?.commit.id, message: `web is back at ${healthy} on ${name}` });
    expect(head?.commit).toMatchObject({ parents: [failed], committer });
    expect((await writer.head("main"))?.commit.id).toBe(failed);
    expect((await files(name))["web/a"]).toBe("1\n");
    expect(await answer({}, { branch })).toEqual(
      declined(`${root}: refs/heads/${name} is at ${head?.commit.id}, not at nothing`),
    );
  });

  it("declines where there is nothing to put back, or it is for people to do", async () => {
    expect(await answer({ lastHealthy: undefined as never })).toEqual(declined("it was never healthy"));
    expect(await answer({ lastHealthy: { id: failed } })).toEqual(
      declined("it was healthy at this revision: the cause is not in Git"),
    );
    expect(await answer({ revision: { id: failed, ref: "refs/tags/v1" } })).toEqual(
      declined("refs/tags/v1 is no branch"),
    );
    expect(await answer({ revision: { id: failed } })).toEqual(declined(`${failed} is no branch`));
    expect(await answer({ revision: { id: failed, ref: "refs/heads/gone" } })).toEqual(
      declined("gone is at nothing by now"),
    );
    expect(await answer({}, { paths: ["nothing"] })).toEqual(declined(`nothing has not changed since ${healthy}`));
    expect((await writer.head("main"))?.commit.id).toBe(failed);
    const byHand = (await writer.revert({ branch: "main", author, commit: failed })).id;
    expect(await answer({ revision: { id: byHand, ref: "refs/heads/main" } })).toEqual(
      declined(`${byHand} is a revert itself`),
    );
  });

  it("takes a commit for a revert by Git's own words alone, at the beginning of a line", async () => {
    const pushed = async (message: string): Promise<unknown> => {
      const id = await commit({ "web/a": `${message}\n` }, undefined, message);
      return ((await answer({ revision: { id, ref: "refs/heads/main" } })) as { status: string }).status;
    };
    const words = `This reverts commit ${healthy}.`;
    expect(await pushed(`Revert\n\n${words}`)).toBe("declined");
    expect(await pushed(`Not a revert\n\nUnlike 'Revert x': ${words}`)).toBe("done");
    expect(await pushed("Not a revert\n\nThis reverts commit abc.")).toBe("done");
    expect(await pushed(`Again\n\nTrueUp-Reverts: ${healthy}`)).toBe("declined");
    expect(await pushed(`About TrueUp-Reverts: ${healthy}`)).toBe("done");
  });

  it("waits where the commit need not be the cause", async () => {
    const entry = { run: "r", startedAt: 0, finishedAt: 0, trigger: "t", outcome: "failed" as const, changes: [] };
    const failing = async (code: ErrorCode, status?: HealthStatus) =>
      await answer({
        error: new TrueUpError(code, "x"),
        entry: { ...entry, ...(status && { health: { status } }) },
      });
    for (const code of ["UNAVAILABLE", "TIMEOUT", "FORBIDDEN", "INTERNAL", "UNVERIFIED"] as const) {
      const later = { status: "later", message: `it need not be the commit: ${code}` };
      expect(await failing(code)).toEqual(later);
      expect(await failing(code, "progressing")).toEqual(later);
    }
    expect((await writer.head("main"))?.commit.id).toBe(failed);
    expect(await failing("UNAVAILABLE", "degraded")).toMatchObject({ status: "done" });
  });

  it.each(["INVALID", "LIMIT", "UNSUPPORTED", "NOT_FOUND", "CONFLICT", "NOT_OURS", "CYCLE", "IMMUTABLE"] as const)(
    "holds the commit to be the cause of %s, and of what is missing",
    async (code) => {
      const entry = { run: "r", startedAt: 0, finishedAt: 0, trigger: "t", outcome: "failed" as const, changes: [] };
      const missing = {
        error: new TrueUpError("TIMEOUT", "x"),
        entry: { ...entry, health: { status: "missing" as const } },
      };
      const failure = code === "INVALID" ? missing : { error: new TrueUpError(code, "x") };
      expect(await answer(failure)).toMatchObject({ status: "done" });
    },
  );

  it("can be stopped, in whatever it asks", async () => {
    const given: unknown[] = [];
    const heard: GitWriter = {
      ...writer,
      head: async (branch, options) => (given.push(options), writer.head(branch, options)),
      restore: async (restore) => (
        given.push("signal" in restore && { signal: restore.signal }),
        writer.restore(restore)
      ),
    };
    const failure: Failure = {
      application: { name: "shop", source: "s", target: "t" },
      revision: { id: failed, ref: "refs/heads/main" },
      lastHealthy: { id: healthy },
      entry: { run: "r", startedAt: 0, finishedAt: 0, trigger: "t", outcome: "failed", changes: [] },
    };
    const { signal } = new AbortController();
    await revertOnFailure(heard, { author })(failure, { signal });
    expect(given).toEqual([{ signal }, { signal }]);
    given.length = 0;
    const id = await commit({ other: "5\n" });
    await revertOnFailure(heard, { author })({ ...failure, revision: { id, ref: "refs/heads/main" } });
    expect(given).toEqual([{}, false]);
  });

  it("leaves it to whoever pushed meanwhile, and passes on what else goes wrong", async () => {
    const other = gitWriter({ url: root });
    let theirs = "";
    const late: GitWriter = {
      ...writer,
      async restore(restore) {
        theirs = (await other.commit({ branch: "main", author, message: "fix", edits: { "web/a": "4\n" } })).id;
        return await writer.restore(restore);
      },
    };
    const failure: Failure = {
      application: { name: "shop", source: "s", target: "t" },
      revision: { id: failed, ref: "refs/heads/main" },
      lastHealthy: { id: healthy },
      entry: { run: "r", startedAt: 0, finishedAt: 0, trigger: "t", outcome: "failed", changes: [] },
    };
    expect(await revertOnFailure(late, { author })(failure)).toEqual(
      declined(`${root}: refs/heads/main is at ${theirs}, not at ${failed}`),
    );
    expect((await writer.head("main"))?.commit.id).toBe(theirs);
    const lost: GitWriter = { ...writer, restore: async () => Promise.reject(new TrueUpError("BLOCKED", "protected")) };
    const fresh = { ...failure, revision: { id: theirs, ref: "refs/heads/main" } };
    await expect(revertOnFailure(lost, { author })(fresh)).rejects.toMatchObject({
      code: "BLOCKED",
      message: "protected",
    });
    const away: GitWriter = { ...writer, head: async () => Promise.reject(new TrueUpError("UNAVAILABLE", "away")) };
    await expect(revertOnFailure(away, { author })(failure)).rejects.toThrow("away");
    await other.close();
  });
});
