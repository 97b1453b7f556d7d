import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { openLocalRepository } from "../local-repository.ts";
import { MODE, parseCommit, parseTag, parseTree } from "../object.ts";
import { buildPack, packEntry } from "../pack-entry.ts";
import { ingestPack } from "../pack-ingest.ts";
import { packetLine, PacketReader, packetText } from "../pkt-line.ts";
import { NO_OBJECT } from "../receive-pack.ts";

export interface Asked {
  readonly url: string;
  readonly body: string;
  readonly authorization?: string;
}
/** Answers in the server's place; undefined lets it answer itself. */
export type Instead = (asked: Asked, response: ServerResponse) => true | undefined;

export interface SmallServer {
  readonly url: string;
  readonly asked: Asked[];
  instead: Instead | undefined;
  close(): Promise<void>;
}

const UNLIMITED = 2 ** 40;
const LIMITS = { packObjects: UNLIMITED, inflatedBytes: UNLIMITED, objectBytes: UNLIMITED };

/** Enough of a Git server, in process and fast, for what does not need Git's own: one repository, protocol 2, whole packs, one ref in a push. */
export async function smallServer(path: string): Promise<SmallServer> {
  const repository = openLocalRepository(path, UNLIMITED);
  const asked: Asked[] = [];
  const state: { instead: Instead | undefined } = { instead: undefined };

  function listRefs(body: string): string {
    const prefixes = [...body.matchAll(/ref-prefix (.*)\n/g)].map(([, prefix]) => prefix ?? "");
    const lines = repository.list(prefixes).map(({ name, oid, peeled, target }) => {
      const attributes = `${target === undefined ? "" : ` symref-target:${target}`}${peeled === undefined ? "" : ` peeled:${peeled}`}`;
      return packetLine(`${oid} ${name}${attributes}\n`);
    });
    return `${lines.join("")}0000`;
  }

  function fetch(body: string): Buffer {
    const wants = [...body.matchAll(/want (\w{40})/g)].map(([, oid]) => oid ?? "");
    const depth = Number(/deepen (\d+)/.exec(body)?.[1] ?? Infinity);
    const entries = new Map<string, Buffer>();
    const add = (oid: string, left: number): void => {
      if (entries.has(oid)) return;
      const object = repository.objects.read(oid);
      if (object === undefined || !("data" in object)) return;
      entries.set(oid, packEntry(object.type, object.data));
      if (object.type === "tag") add(parseTag(oid, object.data).object, left);
      if (object.type === "commit") {
        const { tree, parents } = parseCommit(oid, object.data);
        if (!body.includes("filter tree:0")) add(tree, left);
        if (left > 1) for (const parent of parents) add(parent, left - 1);
      }
      if (object.type === "tree")
        for (const entry of parseTree(oid, object.data)) {
          if (entry.mode === MODE.submodule) continue;
          if (entry.mode === MODE.directory || !body.includes("filter blob:none")) add(entry.oid, left);
        }
    };
    for (const oid of wants) add(oid, depth);
    const pack = buildPack([...entries.values()]);
    const packets: Buffer[] = [Buffer.from("000dpackfile\n")];
    for (let at = 0; at < pack.length; at += 60_000) {
      const data = pack.subarray(at, at + 60_000);
      packets.push(Buffer.from(`${(data.length + 5).toString(16).padStart(4, "0")}\x01`), data);
    }
    return Buffer.concat([...packets, Buffer.from("0000")]);
  }

  function advertisePush(): string {
    const refs = repository.list(["refs/"]).map(({ name, oid }) => `${oid} ${name}`);
    const [first = `${NO_OBJECT} capabilities^{}`, ...others] = refs;
    return [`${first}\0report-status`, ...others].map((line) => packetLine(`${line}\n`)).join("");
  }

  async function receive(body: Buffer): Promise<string> {
    const reader = new PacketReader(body);
    const [line = ""] = reader.untilFlush().map(packetText);
    const [from, to, ref = ""] = (line.split("\0")[0] ?? "").split(" ");
    const there = repository.list([ref]).find(({ name }) => name === ref)?.oid ?? NO_OBJECT;
    const base = (oid: string) => repository.objects.read(oid);
    const { checksum, pack, index } = await ingestPack(reader.rest(), { limits: LIMITS, base });
    const file = join(repository.common, "objects", "pack", `pack-${checksum}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.pack`, pack);
    writeFileSync(`${file}.idx`, index);
    const moved = there === from;
    if (moved) {
      const path = join(repository.common, ref);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${to}\n`);
    }
    return `${packetLine("unpack ok\n")}${packetLine(moved ? `ok ${ref}\n` : `ng ${ref} fetch first\n`)}0000`;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { url = "", headers } = request;
    const { authorization } = headers;
    const one: Asked = {
      url,
      body: Buffer.concat(chunks).toString("latin1"),
      ...(authorization !== undefined && { authorization }),
    };
    asked.push(one);
    if (state.instead?.(one, response)) return;
    if (url.endsWith("/info/refs?service=git-upload-pack")) {
      response.setHeader("content-type", "application/x-git-upload-pack-advertisement");
      const lines = ["version 2\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "object-format=sha1\n"];
      response.end(`${packetLine("# service=git-upload-pack\n")}0000${lines.map(packetLine).join("")}0000`);
    } else if (url.endsWith("/git-upload-pack")) {
      response.setHeader("content-type", "application/x-git-upload-pack-result");
      response.end(one.body.includes("command=ls-refs") ? listRefs(one.body) : fetch(one.body));
    } else if (url.endsWith("/info/refs?service=git-receive-pack")) {
      response.end(`${packetLine("# service=git-receive-pack\n")}0000${advertisePush()}0000`);
    } else if (url.endsWith("/git-receive-pack")) {
      response.end(await receive(Buffer.concat(chunks)));
    } else {
      response.writeHead(404).end();
    }
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/repo`,
    asked,
    get instead() {
      return state.instead;
    },
    set instead(instead) {
      state.instead = instead;
    },
    async close() {
      repository.objects.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
