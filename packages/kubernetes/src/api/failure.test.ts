import { describe, expect, it } from "vitest";
import { errorOf, failureIn, failureOf, judge, managersOf } from "./failure.ts";

const status = (code: number, reason: string, message: string, causes: object[] = [], kind = ""): string =>
  JSON.stringify({ kind: "Status", code, reason, message, details: { kind, causes } });
const immutable = (field: string, message: string) => [{ reason: "FieldValueInvalid", field, message }];

/** What servers were seen to answer, and what it means. */
const CASES: readonly [name: string, status: number, body: string, code: string, retryable: boolean][] = [
  [
    "a typed patch that does not fit",
    500,
    status(
      500,
      "",
      "failed to create typed patch object (ns/n; apps/v1, Kind=Deployment): .spec.replics: field not declared in schema",
    ),
    "INVALID",
    false,
  ],
  [
    "a value that does not convert",
    500,
    status(500, "", "failed to convert new object (ns/n) to proper version: quantities must match"),
    "INVALID",
    false,
  ],
  [
    "a webhook that is down",
    500,
    status(500, "InternalError", 'Internal error occurred: failed calling webhook "w": connection refused'),
    "UNAVAILABLE",
    true,
  ],
  ["a webhook that denies", 400, status(400, "", 'admission webhook "w" denied the request: no'), "BLOCKED", false],
  [
    "a policy that denies",
    422,
    status(422, "Invalid", "x is forbidden: ValidatingAdmissionPolicy 'v1' with binding 'v1' denied request: no"),
    "BLOCKED",
    false,
  ],
  ["bad YAML", 400, status(400, "BadRequest", "error strict decoding YAML"), "INVALID", false],
  ["overload", 429, "Too many requests, please try again later.", "UNAVAILABLE", true],
  ["RBAC", 403, status(403, "Forbidden", 'User "bob" cannot patch resource'), "FORBIDDEN", false],
  ["quota", 403, status(403, "Forbidden", "exceeded quota: q, requested: pods=1"), "FORBIDDEN", true],
  [
    "a namespace that goes",
    403,
    status(403, "Forbidden", "unable to create", [{ reason: "NamespaceTerminating" }]),
    "CONFLICT",
    true,
  ],
  [
    "a namespace that is not there",
    404,
    status(404, "NotFound", 'namespaces "x" not found', [], "namespaces"),
    "NOT_FOUND",
    true,
  ],
  ["a kind that is not served", 404, "404 page not found\n", "NOT_FOUND", true],
  [
    "an object that is not there",
    404,
    status(404, "NotFound", 'configmaps "x" not found', [], "configmaps"),
    "NOT_FOUND",
    false,
  ],
  [
    "another's fields",
    409,
    status(409, "Conflict", "Apply failed", [
      { reason: "FieldManagerConflict", field: ".data.a", message: 'conflict with "A1"' },
    ]),
    "CONFLICT",
    false,
  ],
  ["a changed version", 409, status(409, "Conflict", "the object has been modified"), "CONFLICT", true],
  ["an old token", 410, status(410, "Expired", "too old"), "INCOMPLETE", true],
  ["too large", 413, "request entity too large", "LIMIT", false],
  ["too large for etcd", 500, status(500, "", "etcdserver: request is too large"), "LIMIT", false],
  [
    "too long",
    422,
    status(422, "Invalid", "m", [{ reason: "FieldValueTooLong", field: "data", message: "may not be more" }]),
    "LIMIT",
    false,
  ],
  [
    "immutable",
    422,
    status(422, "Invalid", "m", immutable("spec.selector", "Invalid value: {}: field is immutable")),
    "IMMUTABLE",
    false,
  ],
  [
    "an identity that differs",
    422,
    status(422, "Invalid", "m", immutable("metadata.uid", "field is immutable")),
    "INVALID",
    false,
  ],
  [
    "a plain mistake",
    422,
    status(422, "Invalid", "m", immutable("spec.replicas", "must be greater than 0")),
    "INVALID",
    false,
  ],
  ["a timeout", 504, "timeout", "UNAVAILABLE", true],
];

describe("what an API server's answer means", () => {
  it.each(CASES)("%s", (_name, code, body, expected, retryable) => {
    expect(judge(failureOf(code, body, null))).toEqual({ code: expected, retryable });
  });

  it("names manager, field and subresource of a conflict", () => {
    const causes = [
      { reason: "FieldManagerConflict", field: ".data.a", message: 'conflict with "A1"' },
      {
        reason: "FieldManagerConflict",
        field: ".spec.replicas",
        message: 'conflict with "hpa" with subresource "scale" using apps/v1',
      },
    ];
    expect(managersOf(failureOf(409, status(409, "Conflict", "m", causes), null))).toEqual([
      { manager: "A1", field: ".data.a" },
      { manager: "hpa", field: ".spec.replicas", subresource: "scale" },
    ]);
  });

  it("keeps how long to wait, by header or by body", () => {
    expect(failureOf(429, "busy", "3").retryAfterMs).toBe(3_000);
    expect(failureOf(429, JSON.stringify({ details: { retryAfterSeconds: 2 } }), null).retryAfterMs).toBe(2_000);
    expect(failureOf(429, "busy", "Wed, 21 Oct 2026 07:28:00 GMT").retryAfterMs).toBeUndefined();
  });

  it("row 61: says nothing of a Secret's values", () => {
    const body = status(
      422,
      "Invalid",
      'Secret "s" is invalid: data[p]: Invalid value: "canary"',
      immutable("data[p]", 'Invalid value: "canary"'),
    );
    const error = errorOf(failureOf(422, body, null), { what: "apply Secret prod/s", secret: true });
    expect(error.message).toBe("apply Secret prod/s: 422 Invalid data[p]");
    expect(failureIn(error)?.status).toBe(422);
    expect(JSON.stringify(error)).not.toContain("canary");
  });
});
