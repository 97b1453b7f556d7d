import { isTrueUpError, type ErrorCode, type FailureAnswer, type FailureHandler } from "@trueup/spec";
import type { Authorship, GitWriter } from "./git-writer.ts";

export interface RevertOnFailureOptions extends Pick<Authorship, "author" | "committer" | "sign"> {
  /** What is put back to the last healthy revision. Default: the application's `path`. `""` is the whole repository. */
  readonly paths?: readonly string[];
  /** The branch the commit goes to, for a pull request. Default: the one that was followed. */
  readonly branch?: (failed: { readonly application: string; readonly commit: string }) => string;
}

/** A last line of the message: what a commit that has one made undone is not made undone again. */
const TRAILER = "TrueUp-Reverts:";
/** As `git revert` words it. */
const REVERTED = /^This reverts commit [0-9a-f]{40}/m;
const HEADS = "refs/heads/";
const MAX_REASON = 200;
/** What a commit can be the cause of by itself. A server that is away, or lets nobody in, is none of its doing. */
const CAUSED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "INVALID",
  "LIMIT",
  "UNSUPPORTED",
  "NOT_FOUND",
  "CONFLICT",
  "NOT_OURS",
  "CYCLE",
  "IMMUTABLE",
]);

/**
 * A failure policy for `createController({ failurePolicies: { revert: revertOnFailure(gitWriter({ url }), { author }) } })`: puts
 * the application's files back to what they were when it was last healthy, as one new commit. Nothing else in the repository
 * is touched, and other applications' files stay. It declines where that would fight people: unless the branch is still at the revision
 * that failed, where that is a revert itself, where the application was never healthy, and where its files have not changed since. It
 * waits where the commit need not be the cause: a server that is away or lets nobody in, with nothing unhealthy.
 */
export function revertOnFailure(writer: GitWriter, options: RevertOnFailureOptions): FailureHandler {
  return async ({ application, revision, lastHealthy, error, entry }, { signal } = {}): Promise<FailureAnswer> => {
    const call = signal === undefined ? {} : { signal };
    const declined = (message: string): FailureAnswer => ({ status: "declined", message });
    if (lastHealthy === undefined) return declined("it was never healthy");
    if (lastHealthy.id === revision.id) return declined("it was healthy at this revision: the cause is not in Git");
    if (revision.ref?.startsWith(HEADS) !== true) return declined(`${revision.ref ?? revision.id} is no branch`);
    const followed = revision.ref.slice(HEADS.length);
    const head = await writer.head(followed, call);
    if (head?.commit.id !== revision.id) return declined(`${followed} is at ${head?.commit.id ?? "nothing"} by now`);
    const { message } = head.commit;
    if (message.includes(`\n${TRAILER} `) || REVERTED.test(message))
      return declined(`${revision.id} is a revert itself`);

    const unwell = entry.health?.status === "degraded" || entry.health?.status === "missing";
    if (!unwell && error !== undefined && !CAUSED.has(error.code))
      return { status: "later", message: `it need not be the commit: ${error.code}` };

    const branch = options.branch?.({ application: application.name, commit: revision.id }) ?? followed;
    const paths = options.paths ?? [application.path ?? ""];
    const { author, committer, sign } = options;
    try {
      const result = await writer.restore({
        ...call,
        branch,
        paths,
        to: lastHealthy.id,
        author,
        ...(committer && { committer }),
        ...(sign && { sign }),
        // A branch of its own begins at what failed; one that is there already was made by an earlier try.
        ...(branch === followed ? { expected: revision.id } : { from: revision.id, expected: null }),
        message: messageOf(application.name, revision.id, lastHealthy.id, error?.message ?? "unhealthy"),
      });
      if (result.status === "unchanged") return declined(`${shown(paths)} has not changed since ${lastHealthy.id}`);
      return {
        status: "done",
        commit: result.id,
        message: `${shown(paths)} is back at ${lastHealthy.id} on ${branch}`,
      };
    } catch (thrown) {
      // Somebody was faster: it is theirs now.
      if (isTrueUpError(thrown) && thrown.code === "CONFLICT") return declined(thrown.message);
      throw thrown;
    }
  };
}

const shown = (paths: readonly string[]): string => paths.map((path) => (path === "" ? "everything" : path)).join(", ");

function messageOf(application: string, failed: string, healthy: string, why: string): string {
  const [line = ""] = why.split("\n");
  const reason = line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
  return [
    `Revert ${application} to ${healthy.slice(0, 12)}`,
    "",
    `It failed at ${failed.slice(0, 12)}: ${reason}`,
    "",
    `${TRAILER} ${failed}`,
    `TrueUp-Restores: ${healthy}`,
    "",
  ].join("\n");
}
