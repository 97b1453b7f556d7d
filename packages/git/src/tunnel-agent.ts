import type { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { checkHost } from "./address.ts";
import { tunnelTo } from "./proxy.ts";
import type { ProxyOptions } from "./proxy-options.ts";

const TUNNEL_MS = 30_000;

type CreateConnection = (options: ConnectionOptions, done: (error: Error | null, socket?: Duplex) => void) => Duplex;

interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly socket?: Duplex;
}

/** Makes an agent's connections go through a proxy, where one is to be used. No more are begun once `closed` fired. */
export function tunnelAgent<T extends Agent>(
  agent: T,
  proxy: string | ProxyOptions | undefined,
  protocol: "http:" | "https:",
  closed: AbortSignal,
): T {
  if (proxy === undefined) return agent;
  const direct = agent.createConnection.bind(agent) as unknown as CreateConnection;
  const createConnection = (
    options: ConnectionOptions,
    done: (error: Error | null, socket?: Duplex) => void,
  ): Duplex | undefined => {
    const { host, port } = options;
    checkHost(host);
    const tunnel = tunnelTo(proxy, host, port);
    if (tunnel === undefined) return direct(options, done);
    void (async () => {
      let socket: Duplex;
      try {
        socket = await tunnel(host, port, AbortSignal.any([closed, AbortSignal.timeout(TUNNEL_MS)]));
      } catch (error) {
        return done(error as Error);
      }
      done(null, protocol === "https:" ? direct({ ...options, socket }, done) : socket.resume());
    })();
    return undefined;
  };
  return Object.assign(agent, { createConnection });
}
