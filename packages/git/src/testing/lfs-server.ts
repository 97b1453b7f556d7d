import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface LfsRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface LfsServer {
  readonly origin: string;
  readonly requests: LfsRequest[];
  /** Content by its SHA-256. May be anything else: a server that lies. */
  readonly objects: Map<string, Buffer>;
  /** Asked for by Basic authentication, at the batch API and, unless downloads lead elsewhere, there too. */
  auth: string | undefined;
  /** Where downloads are sent to, with what headers. Default: here, none. */
  downloads: (oid: string) => { readonly href: string; readonly header?: unknown };
  /** Takes the place of the batch API's answer. */
  answer: ((oid: string) => { readonly status?: number; readonly body: string }) | undefined;
  close(): Promise<void>;
}

/** The batch API of Git LFS with basic downloads, as docs/api/batch.md of git-lfs describes it. */
export async function lfsServer(): Promise<LfsServer> {
  const requests: LfsRequest[] = [];
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url = "", method = "", headers } = request;
      const body = Buffer.concat(chunks).toString();
      requests.push({ url, method, headers, body });
      if (lfs.auth !== undefined && headers.authorization !== lfs.auth) {
        response.writeHead(401, { "LFS-Authenticate": 'Basic realm="lfs"' }).end("{}");
        return;
      }
      if (method === "POST" && url.endsWith("/info/lfs/objects/batch")) {
        const { objects: wanted } = JSON.parse(body) as { objects: { oid: string; size: number }[] };
        const oid = wanted[0]?.oid ?? "";
        const other = lfs.answer?.(oid);
        response.writeHead(other?.status ?? 200, { "content-type": "application/vnd.git-lfs+json" });
        const answered = wanted.map((object) =>
          objects.has(object.oid)
            ? { ...object, actions: { download: lfs.downloads(object.oid) } }
            : { ...object, error: { code: 404, message: "not here, sesame-secret" } },
        );
        response.end(other?.body ?? JSON.stringify({ transfer: "basic", objects: answered, hash_algo: "sha256" }));
        return;
      }
      const content = objects.get(url.split("/").at(-1) ?? "");
      response.writeHead(content === undefined ? 404 : 200).end(content);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lfs: LfsServer = {
    origin,
    requests,
    objects,
    auth: undefined,
    downloads: (oid) => ({ href: `${origin}/store/${oid}` }),
    answer: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return lfs;
}
