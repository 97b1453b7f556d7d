import { timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { newKey } from "./ssh-key.ts";
import ssh2, { type Connection, type ServerChannel } from "ssh2";

export interface Ran {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the client said to the command. */
  said: string;
}

/** What a command does. */
export interface Script {
  /** Said first. */
  readonly first: string | Buffer;
  /** Said once the client has said all it wants to say. */
  readonly answer?: (said: string) => string | Buffer;
  readonly stderr?: string;
  /** Absent: 0. `null`: the channel is closed without a status. */
  readonly code?: number | null;
  /** Nothing ends it. */
  readonly hang?: boolean;
  /** The connection is lost at the end. */
  readonly drop?: boolean;
  /** It is not run at all. */
  readonly refuse?: boolean;
}

export interface SmallSshServer {
  port: number;
  /** Its line in a known hosts file, without the host. */
  readonly hostKey: string;
  readonly ran: Ran[];
  script: (command: string, count: number) => Script;
  connections: number;
  /** Commands that run at once, at most so far. */
  most: number;
  /** Ends all connections. */
  drop(): void;
  close(): Promise<void>;
}

/** An ssh server in process that runs scripts in place of commands, for one user with one key. */
export async function smallSshServer(authorized: string): Promise<SmallSshServer> {
  const host = newKey();
  const allowed = ssh2.utils.parseKey(authorized);
  if (allowed instanceof Error || Array.isArray(allowed)) throw new Error("no key");
  const blob = allowed.getPublicSSH();
  const clients = new Set<Connection>();
  let running = 0;

  const self: SmallSshServer = {
    port: 0,
    hostKey: host.public.trim(),
    ran: [],
    script: () => ({ first: "" }),
    connections: 0,
    most: 0,
    drop: () => clients.forEach((client) => client.end()),
    async close() {
      self.drop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };

  async function run(script: Script, channel: ServerChannel, client: Connection, ran: Ran): Promise<void> {
    running++;
    self.most = Math.max(self.most, running);
    channel.write(script.first);
    if (script.stderr !== undefined) channel.stderr.write(script.stderr);
    if (script.answer !== undefined) {
      for await (const chunk of channel as AsyncIterable<Buffer>) ran.said += chunk.toString("latin1");
      channel.write(script.answer(ran.said));
    }
    running--;
    if (script.hang) return;
    if (script.drop) return void client.end();
    if (script.code !== null) channel.exit(script.code ?? 0);
    channel.end();
    channel.close();
  }

  const server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
    self.connections++;
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    client.on("authentication", (context) => {
      const right =
        context.method === "publickey" &&
        context.username === "me" &&
        context.key.data.length === blob.length &&
        timingSafeEqual(context.key.data, blob) &&
        (context.signature === undefined ||
          allowed.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo));
      if (right) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      const env: Record<string, string> = {};
      const session = accept();
      session.on("env", (yes, _no, { key, val }) => {
        env[key] = val;
        (yes as (() => void) | undefined)?.();
      });
      session.on("exec", (yes, no, { command }) => {
        const ran: Ran = { command, env, said: "" };
        self.ran.push(ran);
        const script = self.script(command, self.ran.length);
        if (script.refuse) return no();
        run(script, yes(), client, ran).catch(() => {});
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(self, { port: (server.address() as AddressInfo).port });
}
