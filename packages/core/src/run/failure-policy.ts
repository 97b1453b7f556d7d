import {
  toTrueUpError,
  TrueUpError,
  type Application,
  type ApplicationState,
  type Failure,
  type FailureAnswer,
  type FailureHandler,
} from "@trueup/spec";
import { call } from "../apply/call.ts";
import type { ControllerEvent, Untimed } from "../events.ts";
import type { HistoryRow } from "./record.ts";
import { pinnedAt } from "./resolve.ts";
import type { RunResult } from "./run.ts";
import type { Runtime } from "../runtime.ts";

const OWN: readonly string[] = ["hold", "pin"];
/** A push to a server, and a few more where others push too. */
const TIMEOUT_MS = 300_000;

export interface FailurePolicyOptions {
  readonly handlers: Readonly<Record<string, FailureHandler>>;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly emit: (event: Untimed<ControllerEvent>) => void;
  /** Writes state and lines of history outside a run. */
  readonly change: (
    runtime: Runtime,
    edit: (state: ApplicationState, now: number) => ApplicationState,
    history?: readonly HistoryRow[],
  ) => Promise<void>;
  /** Asks for a run. */
  readonly mark: (runtime: Runtime, trigger: string) => void;
}

/** The names `onFailure` may have. Throws `INVALID` for handlers with names of our own. */
export function failurePolicyNames(handlers: Readonly<Record<string, FailureHandler>> = {}): ReadonlySet<string> {
  const taken = OWN.find((name) => Object.hasOwn(handlers, name));
  if (taken !== undefined) throw new TrueUpError("INVALID", `failurePolicies: ${taken} is a name of TrueUp's own`);
  return new Set([...OWN, ...Object.keys(handlers)]);
}

/** Whether the retries are used up, or none could help. */
export function isFinal(application: Application, result: RunResult, failures: number): boolean {
  if (result.outcome !== "failed") return false;
  return failures > (application.retry?.limit ?? 5) || result.error?.retryable === false;
}

export interface FailureAnswers {
  /** Does what `onFailure` says about an application that failed for good. */
  answer(runtime: Runtime, result: RunResult): void;
  /** Once nothing of it is under way. Never rejects. */
  settled(): Promise<void>;
}

/** What is done about applications that fail for good. */
export function failurePolicy(options: FailurePolicyOptions): FailureAnswers {
  const { handlers, signal, now, emit, change, mark } = options;
  const asked = new Map<Runtime, Promise<void>>();

  async function pin(runtime: Runtime, { error }: RunResult): Promise<void> {
    const { lastHealthy, pinned } = runtime.record?.state ?? {};
    const until = runtime.status.latest;
    if (lastHealthy === undefined || until === undefined || pinned !== undefined || lastHealthy.id === until.id) return;
    const reason = `failed at ${until.id.slice(0, 12)}: ${error?.message ?? "unhealthy"}`;
    await change(runtime, (state, at) => ({
      ...state,
      pinned: { revision: lastHealthy, reason, actor: "trueup", at, until },
    }));
    mark(runtime, "pin");
  }

  /** Once for each revision: what was answered stays so. */
  async function ask(policy: string, handler: FailureHandler, runtime: Runtime, result: RunResult): Promise<void> {
    const { application, record, status } = runtime;
    const { revision, error } = result;
    const state = record?.state ?? {};
    const { answered, lastHealthy } = state;
    const entry = status.lastRun;
    if (revision === undefined || entry === undefined || answered?.revision.id === revision.id) return;
    if (pinnedAt(state, status.latest ?? revision) !== undefined) return;
    const startedAt = now();
    const failure: Failure = {
      application,
      revision,
      entry,
      ...(lastHealthy && { lastHealthy }),
      ...(error && { error }),
    };
    let answer: FailureAnswer;
    try {
      answer =
        answered?.commit === revision.id
          ? { status: "declined", message: `${revision.id} is what ${policy} itself made` }
          : await call(async (signal) => await handler(failure, { signal }), {
              what: `failure policy ${policy}`,
              timeoutMs: TIMEOUT_MS,
              signal,
            });
    } catch (thrown) {
      const { message } = toTrueUpError(thrown);
      emit({ type: "failure-answered", application: application.name, policy, revision, status: "failed", message });
      return;
    }
    const { status: how, message } = answer;
    if (how === "later") {
      emit({ type: "failure-answered", application: application.name, policy, revision, status: how, message });
      return;
    }
    const commit = how === "done" ? answer.commit : undefined;
    const made = commit === undefined ? {} : { commit };
    const row: HistoryRow = {
      run: entry.run,
      startedAt,
      finishedAt: now(),
      trigger: "failure policy",
      outcome: "failed",
      revision,
      changes: [],
      answer: { policy, status: how, message, ...made },
    };
    await change(runtime, (state, at) => ({ ...state, answered: { policy, revision, at, ...made } }), [row]);
    emit({ type: "failure-answered", application: application.name, policy, revision, status: how, message, ...made });
  }

  async function act(runtime: Runtime, result: RunResult): Promise<void> {
    const { onFailure = "hold" } = runtime.application;
    const handler = Object.hasOwn(handlers, onFailure) ? handlers[onFailure] : undefined;
    try {
      if (onFailure === "pin") await pin(runtime, result);
      else if (handler !== undefined) await ask(onFailure, handler, runtime, result);
    } catch {
      // Somebody else holds the application, or the store is away: the next run that fails comes here again.
    }
  }

  return {
    answer(runtime, result) {
      if (asked.has(runtime) || signal.aborted) return;
      asked.set(
        runtime,
        act(runtime, result).finally(() => asked.delete(runtime)),
      );
    },
    async settled() {
      await Promise.all(asked.values());
    },
  };
}
