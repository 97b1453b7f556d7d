import { once } from "node:events";
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import type { Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";
import { openSocks } from "./socks.ts";

/** A connection to the server through a proxy: `CONNECT`, or SOCKS 5. Throws `UNAVAILABLE` where it refuses, `UNSUPPORTED` for another kind. */
export async function openTunnel(proxy: string, server: URL): Promise<Socket> {
  const through = new URL(proxy);
  if (through.protocol === "socks5:" || through.protocol === "socks5h:") return await openSocks(through, server);
  if (through.protocol !== "http:" && through.protocol !== "https:") {
    throw new TrueUpError("UNSUPPORTED", `a proxy by ${through.protocol} is not supported`);
  }
  const authority = `${server.hostname}:${server.port || (server.protocol === "https:" ? "443" : "80")}`;
  const user = decodeURIComponent(through.username);
  const login = `${user}:${decodeURIComponent(through.password)}`;
  const ask = through.protocol === "https:" ? requestHttps : requestHttp;
  const call = ask({
    host: through.hostname,
    port: through.port || (through.protocol === "https:" ? 443 : 80),
    method: "CONNECT",
    path: authority,
    headers: {
      host: authority,
      ...(user !== "" && { "proxy-authorization": `Basic ${Buffer.from(login).toString("base64")}` }),
    },
    timeout: 30_000,
  });
  call.once("timeout", () => call.destroy(new Error("no answer in 30 s")));
  call.end();
  const [answer, socket] = (await once(call, "connect").catch((cause: unknown) => {
    throw new TrueUpError("UNAVAILABLE", `the proxy ${through.host} cannot be reached`, { cause });
  })) as [IncomingMessage, Socket];
  if (answer.statusCode === 200) return socket;
  socket.destroy();
  throw new TrueUpError(
    "UNAVAILABLE",
    `the proxy ${through.host} refused a tunnel to ${authority}: ${answer.statusCode}`,
  );
}
