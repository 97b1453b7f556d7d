import type { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { checkHost } from "./address.ts";
import { tunnelTo, type ProxyOptions } from "./proxy.ts";

const TUNNEL_MS = 30_000;

type CreateConnection = (options: ConnectionOptions, done: (error: Error | null, socket?: Duplex) => void) => Duplex;

interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly socket?: Duplex;
}

/** Makes an agent's connections go through a proxy, where one is to be used. */
export function tunnelAgent<T extends Agent>(agent: T, proxy: string | ProxyOptions | undefined, protocol: string): T {
  if (proxy === undefined) return agent;
  const direct = agent.createConnection.bind(agent) as unknown as CreateConnection;
  const createConnection = (
    options: ConnectionOptions,
    done: (error: Error | null, socket?: Duplex) => void,
  ): Duplex | undefined => {
    const host = options.host.replace(/^\[(.*)\]$/, "$1");
    checkHost(host);
    const port = Number(options.port);
    const tunnel = tunnelTo(proxy, host, port);
    if (tunnel === undefined) return direct(options, done);
    tunnel(host, port, AbortSignal.timeout(TUNNEL_MS)).then(
      (socket) => done(null, protocol === "https:" ? direct({ ...options, socket }, done) : socket.resume()),
      (error: Error) => done(error),
    );
    return undefined;
  };
  return Object.assign(agent, { createConnection });
}
