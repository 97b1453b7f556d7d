import { randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { isTrueUpError, TrueUpError, type Json, type Manifest } from "@trueup/spec";
import type { Client } from "../api/client.ts";
import { EMPTY, type Chunk, type Root } from "./root.ts";

const STORE_LABEL = "trueup.dev/store";
/** A Secret holds 1 MiB; base64 and the rest of the object are counted by other limits. */
export const FULL_BYTES: number = 512 * 1024;
const LARGEST_BYTES = 1_000_000;

/** The root and its chunks as Secrets of a namespace. */
export interface Objects {
  /** With the version it was read at; `""` where it was never written. */
  root(): Promise<{ readonly root: Root; readonly version: string }>;
  /** Undefined where the root was written since that version. */
  commit(root: Root, version: string): Promise<string | undefined>;
  put(chunk: Chunk): Promise<{ readonly name: string; readonly bytes: number }>;
  /** Its text. Chunks never change: read once. Throws `NOT_FOUND` where a later root has no use for it. */
  get(name: string): Promise<string>;
  remove(names: readonly string[]): Promise<void>;
  /** Removes chunks that a crash left behind: those that no root names, and that are older than an hour. */
  sweep(used: ReadonlySet<string>): Promise<void>;
}

const AN_HOUR = 3_600_000;

export function objects(client: Client, namespace: string, prefix: string): Objects {
  const collection = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
  const texts = new Map<string, string>();
  const secret = (name: string, value: Json, version = ""): { readonly body: object; readonly bytes: number } => {
    const packed = gzipSync(JSON.stringify(value));
    if (packed.length > LARGEST_BYTES)
      throw new TrueUpError("LIMIT", `a part of the store is too large: ${packed.length} bytes`);
    const metadata = {
      name,
      namespace,
      labels: { [STORE_LABEL]: prefix },
      ...(version !== "" && { resourceVersion: version }),
    };
    const body = {
      apiVersion: "v1",
      kind: "Secret",
      type: "trueup.dev/store",
      metadata,
      data: { gzip: packed.toString("base64") },
    };
    return { body, bytes: packed.length };
  };
  const textIn = (manifest: Manifest): string => {
    const data = manifest["data"] as { readonly gzip?: string } | undefined;
    return gunzipSync(Buffer.from(data?.gzip ?? "", "base64"), { maxOutputLength: 256 * 1024 * 1024 }).toString();
  };
  const what = "the store";

  return {
    async root() {
      try {
        const { body } = await client.request<Manifest>({ path: `${collection}/${prefix}`, what, secret: true });
        return { root: JSON.parse(textIn(body)) as Root, version: body.metadata["resourceVersion"] as string };
      } catch (error) {
        if (isTrueUpError(error) && error.code === "NOT_FOUND") return { root: EMPTY, version: "" };
        throw error;
      }
    },
    async commit(root, version) {
      const { body } = secret(prefix, root as unknown as Json, version);
      const create = version === "";
      try {
        const stored = await client.request<Manifest>({
          method: create ? "POST" : "PUT",
          path: create ? collection : `${collection}/${prefix}`,
          body,
          what,
          secret: true,
          // Whether a lost answer was a commit is found out by reading, not by trying again.
          attempts: 1,
        });
        return stored.body.metadata["resourceVersion"] as string;
      } catch (error) {
        if (isTrueUpError(error) && error.code === "CONFLICT") return undefined;
        throw error;
      }
    },
    async put(chunk) {
      const name = `${prefix}-${randomBytes(10).toString("hex")}`;
      const { body, bytes } = secret(name, chunk as unknown as Json);
      await client.request({ method: "POST", path: collection, body, what, secret: true }).catch((error: unknown) => {
        // Tried twice, and the first answer was lost: nobody else has this name.
        if (!isTrueUpError(error) || error.code !== "CONFLICT") throw error;
      });
      texts.set(name, JSON.stringify(chunk));
      return { name, bytes };
    },
    async get(name) {
      const known = texts.get(name);
      if (known !== undefined) return known;
      const { body } = await client.request<Manifest>({ path: `${collection}/${name}`, what, secret: true });
      const text = textIn(body);
      texts.set(name, text);
      return text;
    },
    async remove(names) {
      await Promise.all(
        names.map(async (name) => {
          texts.delete(name);
          await client.request({ method: "DELETE", path: `${collection}/${name}`, what, secret: true }).catch(() => {});
        }),
      );
    },
    async sweep(used) {
      const { body } = await client.request<{ readonly items?: readonly Manifest[] }>({
        path: collection,
        query: { labelSelector: `${STORE_LABEL}=${prefix}` },
        accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        what,
      });
      const old = (body.items ?? []).filter(({ metadata }) => {
        const made: Json | undefined = metadata["creationTimestamp"];
        const madeAt = Date.parse(typeof made === "string" ? made : "");
        return metadata.name !== prefix && !used.has(metadata.name) && Date.now() - madeAt > AN_HOUR;
      });
      await this.remove(old.map(({ metadata }) => metadata.name));
    },
  };
}
