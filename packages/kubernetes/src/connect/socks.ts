import { isIP, type Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";

const TIMEOUT_MS = 30_000;

/**
 * A connection through a SOCKS 5 proxy. `socks5:` and `socks5h:` alike: the proxy looks names up, as Go's client does.
 * Throws `UNAVAILABLE` where it cannot be had, without what stands in the proxy's URL.
 */
export async function openSocks(through: URL, server: URL): Promise<Socket> {
  // Few need it.
  const { SocksClient } = await import("socks");
  const host = through.hostname.replace(/^\[(.*)\]$/, "$1");
  const target = server.hostname.replace(/^\[(.*)\]$/, "$1");
  const [userId, password] = [decodeURIComponent(through.username), decodeURIComponent(through.password)];
  try {
    const { socket } = await SocksClient.createConnection({
      proxy: { host, port: Number(through.port || 1080), type: 5, ...(userId !== "" && { userId, password }) },
      command: "connect",
      destination: { host: target, port: Number(server.port || (server.protocol === "https:" ? 443 : 80)) },
      timeout: TIMEOUT_MS,
      set_tcp_nodelay: true,
    });
    return socket;
  } catch (error) {
    // The library's message may name anything; its reason is a word.
    const message = error instanceof Error ? error.message : "";
    const reason = / - ([A-Za-z]+)$/.exec(message)?.[1] ?? /\b(E[A-Z]{3,20})\b/.exec(message)?.[1];
    const at = `the proxy ${through.host}`;
    const to = isIP(target) === 6 ? `[${target}]` : target;
    if (/authentication failed|no accepted authentication/i.test(message))
      throw new TrueUpError("UNAVAILABLE", `${at} asks for credentials, or took none that it was given`);
    throw new TrueUpError(
      "UNAVAILABLE",
      `${at} gave no connection to ${to}${reason === undefined ? "" : `: ${reason}`}`,
    );
  }
}
