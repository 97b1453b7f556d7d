import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";

export interface TestProxy {
  readonly port: number;
  /** Where it was asked to connect to: `host:port`. */
  readonly asked: string[];
  close(): Promise<void>;
}

export interface TestProxyOptions {
  readonly auth?: { readonly username: string; readonly password: string };
  /** Connects somewhere else, as a proxy that knows names does. */
  readonly route?: (host: string, port: number) => number | undefined;
  /** Answers so in place of connecting: a status, or a SOCKS reply code. */
  readonly refuse?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A small proxy that tunnels: CONNECT of RFC 9110. */
export async function connectProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const { auth } = options;
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server: HttpServer = options.tls === undefined ? createHttpServer() : createHttpsServer(options.tls);
  server.on("request", (_request, response) => response.writeHead(405).end());
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("connect", (request, client: Socket) => {
    client.on("error", () => {});
    asked.push(request.url ?? "");
    const wanted = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted)
      return void client.end(
        `HTTP/1.1 407 Nobody\r\nx-echo: ${request.headers["proxy-authorization"]}\r\ncontent-length: 0\r\n\r\n`,
      );
    if (options.refuse !== undefined)
      return void client.end(`HTTP/1.1 ${options.refuse} No\r\ncontent-length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const to = connectTcp(options.route?.(hostname, Number(port)) ?? Number(port), "127.0.0.1");
    sockets.add(to);
    to.on("error", () => client.destroy());
    // Server's first words and the answer may come as one.
    let answered = false;
    to.on("data", (data: Buffer) => {
      client.write(answered ? data : Buffer.concat([Buffer.from("HTTP/1.1 200 Yes\r\n\r\n"), data]));
      answered = true;
    });
    setTimeout(() => {
      if (!answered) client.write("HTTP/1.1 200 Yes\r\n\r\n");
      answered = true;
    }, 100);
    to.on("end", () => client.end());
    client.pipe(to);
  });
  return await listening(server, asked, sockets);
}

/** A small SOCKS 5 proxy: RFC 1928, and 1929 where it asks who is there. */
export async function socksProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    sockets.add(client);
    client.on("error", () => {});
    void serveSocks(client, options, asked, sockets).catch(() => client.destroy());
  });
  return await listening(server, asked, sockets);
}

async function serveSocks(
  client: Socket,
  { auth, route, refuse }: TestProxyOptions,
  asked: string[],
  sockets: Set<Socket>,
): Promise<void> {
  const take = reader(client);
  const [, methods = 0] = await take(2);
  const offered = await take(methods);
  const method = auth === undefined ? 0 : 2;
  client.write(Buffer.from([5, offered.includes(method) ? method : 0xff]));
  if (!offered.includes(method)) return void client.end();
  if (auth !== undefined) {
    const [, nameLength = 0] = await take(2);
    const username = (await take(nameLength)).toString();
    const [wordLength = 0] = await take(1);
    const password = (await take(wordLength)).toString();
    const right = username === auth.username && password === auth.password;
    client.write(Buffer.from([1, right ? 0 : 1]));
    if (!right) return void client.end();
  }
  const [, , , type = 0] = await take(4);
  let host: string;
  if (type === 1) host = [...(await take(4))].join(".");
  else if (type === 3) host = (await take((await take(1))[0] ?? 0)).toString();
  else host = `[${(await take(16)).toString("hex").replaceAll(/(.{4})(?=.)/g, "$1:")}]`;
  const port = (await take(2)).readUInt16BE();
  asked.push(`${host}:${port}`);
  if (refuse !== undefined) return void client.end(Buffer.from([5, refuse, 0, 1, 0, 0, 0, 0, 0, 0]));
  const to = connectTcp(route?.(host, port) ?? port, "127.0.0.1");
  sockets.add(to);
  to.on("error", () => client.destroy());
  const granted = Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]);
  let answered = false;
  to.on("data", (data: Buffer) => {
    client.write(answered ? data : Buffer.concat([granted, data]));
    answered = true;
  });
  setTimeout(() => {
    if (!answered) client.write(granted);
    answered = true;
  }, 100);
  to.on("end", () => client.end());
  client.on("data", (data: Buffer) => void to.write(data));
  client.on("end", () => to.end());
}

/** Exactly so many bytes at a time; what is left over goes back. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    if (length === 0) return Buffer.alloc(0);
    for (;;) {
      const data = socket.read(length) as Buffer | null;
      if (data !== null) return data;
      await new Promise((resolve, reject) => {
        socket.once("readable", resolve).once("close", reject);
      });
      socket.removeAllListeners("readable");
    }
  };
}

async function listening(server: Server, asked: string[], sockets: Set<Socket>): Promise<TestProxy> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
