import { describe, expect, it } from "vitest";
import type { Connection } from "../connect/connection.ts";
import { withDeadline } from "../connect/deadline.ts";
import type { Fetch, FetchInit, FetchResponse } from "../connect/fetch.ts";
import { createClient } from "./client.ts";

const answer = (
  status: number,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): FetchResponse => ({
  status,
  headers: { get: (name) => headers[name] ?? null },
  text: async () => (typeof body === "string" ? body : JSON.stringify(body)),
  body: null,
});
let token = 0;
const connection: Connection = {
  server: "https://k.example",
  tls: {},
  credentials: async (renew) => ({ authorization: `Bearer ${renew ? ++token : token}` }),
};

function clientOf(fetch: Fetch, timeoutMs = 1_000) {
  const asked: { url: string; init: FetchInit }[] = [];
  const client = createClient({
    connection,
    timeoutMs,
    fetch: withDeadline(async (url, init) => (asked.push({ url, init }), await fetch(url, init))),
  });
  return { client, asked };
}

describe("a request", () => {
  it("carries path, query, body and whom it is made for", async () => {
    const { client, asked } = clientOf(async () =>
      answer(200, { a: 1 }, { warning: '299 - "old \\"x\\"", 299 - "two"' }),
    );
    const as = { user: "bob", groups: ["a", "b"] };
    const { body, warnings } = await client.request({
      method: "PATCH",
      path: "/x",
      query: { a: "b c", none: undefined },
      body: { n: 1 },
      as,
    });
    expect([body, warnings]).toEqual([{ a: 1 }, ['old "x"', "two"]]);
    expect(asked[0]?.url).toBe("https://k.example/x?a=b%20c");
    expect(asked[0]?.init).toMatchObject({
      method: "PATCH",
      body: '{"n":1}',
      headers: { "impersonate-user": "bob", "impersonate-group": ["a", "b"] },
    });
  });

  it("asks for new credentials once where they are refused", async () => {
    token = 0;
    const { client, asked } = clientOf(async (_url, { headers }) =>
      headers["authorization"] === "Bearer 0" ? answer(401, {}) : answer(200, {}),
    );
    await client.request({ path: "/x" });
    expect(asked.map(({ init }) => init.headers["authorization"])).toEqual(["Bearer 0", "Bearer 1"]);
    const refused = clientOf(async () => answer(401, "Unauthorized"));
    await expect(refused.client.request({ path: "/x" })).rejects.toMatchObject({ code: "FORBIDDEN", retryable: false });
    expect(refused.asked).toHaveLength(2);
  });

  it("is tried again where the server fails, and not where it refuses", async () => {
    let tries = 0;
    const { client, asked } = clientOf(async () => (++tries < 3 ? answer(503, "no") : answer(200, {})));
    await client.request({ path: "/x" });
    expect(asked).toHaveLength(3);
    const refused = clientOf(async () => answer(500, { message: "failed to create typed patch object (a/b): no" }));
    await expect(refused.client.request({ path: "/x", what: "apply X" })).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringMatching(/^apply X: 500 failed to create/),
    });
    expect(refused.asked).toHaveLength(1);
    const dead = clientOf(async () => answer(503, "no"));
    await expect(dead.client.request({ path: "/x", attempts: 2 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
    expect(dead.asked).toHaveLength(2);
  });

  it("has a deadline, and ends with its caller", async () => {
    const hanging: Fetch = (_url, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
    const { client } = clientOf(hanging, 50);
    await expect(client.request({ path: "/x", attempts: 1 })).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "GET /x: no answer within 50 ms",
    });
    const stop = new AbortController();
    const asked = client.request({ path: "/x", signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    expect(client.concurrency.running).toBe(0);
  });

  it("takes an answer that is no JSON for cut short, and says nothing of it", async () => {
    const { client } = clientOf(async () => answer(200, "canary"));
    await expect(client.request({ path: "/x" })).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: "GET /x: the answer is no JSON",
    });
  });
});
