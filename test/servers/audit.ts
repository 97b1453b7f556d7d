import { readFile } from "node:fs/promises";
import type { Request } from "./request.ts";

/** One line for every request when it ends; a watch has another when it starts. */
export const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
} as const;

export interface AuditedRequest {
  /** Kubernetes' words: `get`, `list`, `watch`, `create`, `patch`, `delete`… */
  readonly verb: string;
  /** Path and query. */
  readonly uri: string;
  readonly user: string;
  readonly userAgent: string;
  readonly status: number;
  readonly startedAt: Date;
}

export interface AuditFilter {
  /** What the user agent starts with: `trueup/`. */
  readonly userAgent?: string;
  readonly verb?: string;
  readonly user?: string;
  readonly since?: Date;
}

interface AuditLine {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** Reads what the API server wrote about its requests, in the order in which they began. */
export async function readAudit(file: string, request: Request, filter: AuditFilter = {}): Promise<AuditedRequest[]> {
  const lines = await linesUpToNow(file, request);
  const byId = new Map(lines.map((line) => [line.auditID, line]));
  return [...byId.values()]
    .map((line) => ({
      verb: line.verb,
      uri: line.requestURI,
      user: line.user.username,
      userAgent: line.userAgent ?? "",
      status: line.responseStatus?.code ?? 0,
      startedAt: new Date(line.requestReceivedTimestamp),
    }))
    .filter(
      (entry) =>
        entry.userAgent.startsWith(filter.userAgent ?? "") &&
        (filter.verb === undefined || entry.verb === filter.verb) &&
        (filter.user === undefined || entry.user === filter.user) &&
        (filter.since === undefined || entry.startedAt >= filter.since),
    )
    .toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
}

const MARK = "trueup-audit-mark/";
let marks = 0;

/** A line may be written just after its answer was sent: a request of our own, seen in the log, says that the others are there. */
async function linesUpToNow(file: string, request: Request): Promise<AuditLine[]> {
  const mark = `${MARK}${++marks}`;
  await request("GET", "/version", undefined, { userAgent: mark });
  for (let tries = 0; tries < 200; tries++) {
    const text = await readFile(file, "utf8");
    const lines = text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "");
    const parsed = lines.map((line) => JSON.parse(line) as AuditLine);
    if (parsed.some((line) => line.userAgent === mark))
      return parsed.filter((line) => !line.userAgent?.startsWith(MARK));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the audit log ${file} does not show our own request`);
}
