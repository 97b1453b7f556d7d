import { formatKey, type Logger } from "@trueup/spec";
import type { ControllerEvent, Events } from "./events.ts";

/** Writes what a person on call wants to read of a controller's events. Answers its undo. */
export function logEvents(events: Pick<Events<ControllerEvent>, "subscribe">, logger: Logger): () => void {
  return events.subscribe((event) => {
    const { type, time: _, ...fields } = event;
    switch (event.type) {
      case "source-failed":
        return logger.warn({ source: event.source, code: event.error.code }, `source failed: ${event.error.message}`);
      case "watch-lost":
        return logger.warn({ target: event.target, code: event.error.code }, `watch lost: ${event.error.message}`);
      case "drift-detected":
        return logger.info(
          { application: event.application, key: event.key },
          `drift: ${formatKey(event.key)} ${event.reason}`,
        );
      case "object-failed": {
        const { application, run, key, error } = event;
        return logger.error({ application, run, key, code: error.code }, `${event.action} failed: ${error.message}`);
      }
      case "object-applied":
      case "object-deleted": {
        const { application, run, key, done, total } = event;
        return logger.debug({ application, run, key }, `${event.action} ${formatKey(key)} (${done} of ${total})`);
      }
      case "hook-finished": {
        const { application, run, phase, hook, outcome, error } = event;
        if (outcome !== "failed") return logger.info({ application, run, phase, hook }, `hook ${hook} ${outcome}`);
        return logger.error({ application, run, phase, hook, code: error?.code }, error?.message ?? "hook failed");
      }
      case "run-planned": {
        const { application, run, plan } = event;
        return logger.debug({ application, run, digest: plan.digest }, `planned ${plan.changes.length} changes`);
      }
      case "run-blocked": {
        const { application, run, plan, by, reason } = event;
        return logger.warn(
          { application, run, digest: plan.digest, changes: plan.changes.length, by },
          `blocked: ${reason}`,
        );
      }
      case "policies-found": {
        const { application, run, findings } = event;
        for (const { policy, severity, key, message } of findings) {
          const about = { application, run, policy, severity, key };
          logger.warn(about, `policy ${policy}: ${key === undefined ? "" : `${formatKey(key)} `}${message}`);
        }
        return;
      }
      case "history-prune-failed":
        return logger.warn({ code: event.error.code }, `history was not pruned: ${event.error.message}`);
      case "limit-reached":
        return logger.warn({ application: event.application, limit: event.limit }, `fleet limit: ${event.reason}`);
      case "failure-answered": {
        const { application, policy, revision, status, message, commit } = event;
        const about = { application, policy, revision: revision.id, ...(commit !== undefined && { commit }) };
        return logger.warn(about, `failure policy ${policy} ${status}: ${message}`);
      }
      case "run-finished": {
        const { application, run, outcome, durationMs, changes, revision, error } = event;
        const about = {
          application,
          run,
          outcome,
          changes,
          durationMs: Math.round(durationMs),
          revision: revision?.id,
        };
        if (outcome === "failed")
          return logger.error({ ...about, code: error?.code }, `run failed: ${error?.message ?? ""}`);
        return logger[changes > 0 ? "info" : "debug"](about, `run ${outcome}`);
      }
      default:
        return logger.debug(fields, type);
    }
  });
}
