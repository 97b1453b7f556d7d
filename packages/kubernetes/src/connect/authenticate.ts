import type { RequestOptions } from "node:https";
import type { User } from "@kubernetes/client-node/dist/config_types.js";
import { TrueUpError } from "@trueup/spec";
import type { ClientCertificate, Connection } from "./connection.ts";

interface Authenticator {
  applyAuthentication(user: User, options: RequestOptions): Promise<void>;
}

/** How long what a provider answered is used without asking again; it keeps tokens by itself until they expire. */
const FRESH_MS = 10_000;

/** The credentials of a user of a kubeconfig. Throws `UNSUPPORTED` where they would need a command that is not allowed. */
export async function authenticate(
  user: User,
  allowExec: readonly string[],
): Promise<Pick<Connection, "credentials" | "certificate">> {
  const fixed: Record<string, string> = {};
  if (user.impersonateUser) fixed["impersonate-user"] = user.impersonateUser;
  if (user.username) {
    fixed["authorization"] = `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
  }
  if (user.token) fixed["authorization"] = `Bearer ${user.token.trim()}`;
  const made = await authenticatorOf(user, allowExec);
  if (made === undefined) return { credentials: async () => fixed };

  let authenticator: Authenticator = made();
  let known: Known | undefined;
  let certificate: ClientCertificate | undefined;
  let asked: Promise<Known> | undefined;
  const ask = async (): Promise<Known> => {
    const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
    try {
      await authenticator.applyAuthentication(user, options);
    } catch {
      // Its message may hold what a command printed.
      throw new TrueUpError("UNAVAILABLE", `the credentials of kubeconfig user ${user.name} could not be had`);
    }
    const token = options.headers["Authorization"];
    certificate = certificateIn(options, certificate);
    const headers = { ...(token && { authorization: token.trim() }), ...fixed };
    known = { headers, certificate, until: performance.now() + FRESH_MS };
    return known;
  };
  const current = async (): Promise<Known> => {
    if (known !== undefined && known.until > performance.now()) return known;
    asked ??= ask().finally(() => (asked = undefined));
    return await asked;
  };
  return {
    async credentials(renew = false) {
      if (renew) {
        authenticator = made();
        known = undefined;
      }
      return (await current()).headers;
    },
    certificate: async () => (await current()).certificate,
  };
}

interface Known {
  readonly headers: Record<string, string>;
  readonly certificate: ClientCertificate | undefined;
  readonly until: number;
}

/** The one that was known where it is the same: a connection goes on then. */
function certificateIn({ cert, key }: RequestOptions, before?: ClientCertificate): ClientCertificate | undefined {
  if (typeof cert !== "string" || typeof key !== "string") return undefined;
  return before?.cert === cert && before.key === key ? before : { cert, key };
}

async function authenticatorOf(user: User, allowExec: readonly string[]): Promise<(() => Authenticator) | undefined> {
  const provider = user.authProvider;
  const command: unknown = user.exec?.command ?? provider?.config?.exec?.command ?? provider?.config?.["cmd-path"];
  if (command !== undefined && !(typeof command === "string" && allowExec.includes(command))) {
    const message = `kubeconfig user ${user.name} gets its credentials from the command ${JSON.stringify(command)}: allow it by name with allowExec`;
    throw new TrueUpError("UNSUPPORTED", message);
  }
  if (user.exec || provider?.config?.exec) {
    const { ExecAuth } = await import("@kubernetes/client-node/dist/exec_auth.js");
    return () => new ExecAuth();
  }
  if (!provider) return undefined;
  if (provider.config?.tokenFile) {
    const { FileAuth } = await import("@kubernetes/client-node/dist/file_auth.js");
    return () => new FileAuth();
  }
  if (provider.name === "oidc") {
    const { OpenIDConnectAuth } = await import("@kubernetes/client-node/dist/oidc_auth.js");
    return () => new OpenIDConnectAuth();
  }
  throw new TrueUpError("UNSUPPORTED", `kubeconfig user ${user.name}: auth provider ${JSON.stringify(provider.name)}`);
}
