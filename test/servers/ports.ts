import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Ports on 127.0.0.1 that nobody listens on. Taken below the ranges from which systems give ports to outgoing
 * connections, so that none of those takes one before its server does; another caller may, so be ready to ask again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
