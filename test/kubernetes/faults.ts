import {
  connectByKubeconfig,
  http2Fetch,
  type Fetch,
  type FetchInit,
  type FetchResponse,
  type KubernetesOptions,
} from "@trueup/kubernetes";
import { onTestFinished } from "vitest";
import type { Cluster } from "../servers/kubernetes.ts";

export interface Asked extends Omit<FetchInit, "headers"> {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What to do with a request instead of sending it, or with its answer; `proceed` sends it. */
export type Fault = (asked: Asked, proceed: () => Promise<FetchResponse>) => Promise<FetchResponse>;

/** Options for a target whose requests go through the fault that `set` says. */
export async function faulty(
  cluster: Cluster,
): Promise<{ readonly options: Partial<KubernetesOptions>; readonly set: (fault: Fault | undefined) => void }> {
  const connection = await connectByKubeconfig({ kubeconfig: cluster.kubeconfig });
  const http2 = http2Fetch(connection);
  onTestFinished(() => http2.close());
  let fault: Fault | undefined;
  const fetch: Fetch = async (url, init) => {
    const { pathname: path, searchParams: query } = new URL(url);
    const proceed = (): Promise<FetchResponse> => http2.fetch(url, init);
    return fault === undefined ? await proceed() : await fault({ ...init, path, query }, proceed);
  };
  return { options: { connection, fetch }, set: (next) => void (fault = next) };
}

export const answer = (
  status: number,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): FetchResponse => ({
  status,
  headers: { get: (name) => headers[name.toLowerCase()] ?? null },
  text: async () => (typeof body === "string" ? body : JSON.stringify(body)),
  body: null,
});

/** The answer with another body. */
export async function edited(response: FetchResponse, edit: (body: never) => object): Promise<FetchResponse> {
  const text = await response.text();
  return { ...response, text: async () => JSON.stringify(edit(JSON.parse(text) as never)) };
}
