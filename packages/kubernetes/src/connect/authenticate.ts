import type { RequestOptions } from "node:https";
import type { User } from "@kubernetes/client-node/dist/config_types.js";
import { TrueUpError } from "@trueup/spec";
import type { Connection } from "./connection.ts";

interface Authenticator {
  applyAuthentication(user: User, options: RequestOptions): Promise<void>;
}

/** How long what a provider answered is used without asking again; it keeps tokens by itself until they expire. */
const FRESH_MS = 10_000;

/** The credentials of a user of a kubeconfig as headers. Throws `UNSUPPORTED` where they would need a command that is not allowed. */
export async function authenticate(user: User, allowExec: readonly string[]): Promise<Connection["credentials"]> {
  const fixed: Record<string, string> = {};
  if (user.impersonateUser) fixed["impersonate-user"] = user.impersonateUser;
  if (user.username) {
    fixed["authorization"] = `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
  }
  if (user.token) fixed["authorization"] = `Bearer ${user.token.trim()}`;
  const made = await authenticatorOf(user, allowExec);
  if (made === undefined) return async () => fixed;

  let authenticator: Authenticator = made();
  let known: { readonly headers: Record<string, string>; readonly until: number } | undefined;
  let asked: Promise<Record<string, string>> | undefined;
  const ask = async (): Promise<Record<string, string>> => {
    const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
    try {
      await authenticator.applyAuthentication(user, options);
    } catch {
      // Its message may hold what a command printed.
      throw new TrueUpError("UNAVAILABLE", `the credentials of kubeconfig user ${user.name} could not be had`);
    }
    const token = options.headers["Authorization"];
    const headers = { ...(token && { authorization: token.trim() }), ...fixed };
    known = { headers, until: performance.now() + FRESH_MS };
    return headers;
  };
  return async (renew = false) => {
    if (renew) {
      authenticator = made();
      known = undefined;
    }
    if (known !== undefined && known.until > performance.now()) return known.headers;
    asked ??= ask().finally(() => (asked = undefined));
    return await asked;
  };
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
