/** A renderer that asks what the target can do: the answer is an input of the render like any file. */
import { createController, memoryStore } from "@trueup/core";
import { digestOf, TrueUpError, type Capabilities, type Declared, type Renderer, type Target } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";

const OLD: Capabilities = { apiVersions: ["v1", "networking/v1beta1"], version: "v1.18.0" };
const NEW: Capabilities = { apiVersions: ["v1", "networking/v1beta1", "networking/v1"], version: "v1.19.0" };

/** One Ingress, in the newest version that the target serves; `asks: false` for a renderer that does not care. */
function ingresses({ asks = true } = {}): Renderer & { renders: number } {
  return {
    name: "ingresses",
    renders: 0,
    detects: async () => true,
    async render({ tree, context }) {
      this.renders += 1;
      const served = asks ? (await context.capabilities()).apiVersions : ["networking/v1"];
      const apiVersion = served.includes("networking/v1") ? "networking/v1" : "networking/v1beta1";
      const host = new TextDecoder().decode(await tree.read("host"));
      const manifest = { apiVersion, kind: "Ingress", metadata: { name: "web" }, spec: { host } };
      const declared: Declared = { manifest, origin: { file: "host" }, digest: digestOf(manifest) };
      return { objects: [declared], hooks: [], warnings: [] };
    },
  };
}

const until = async (check: () => void) => await vi.waitFor(check, 10_000);

describe("a renderer that asks for the target's capabilities", () => {
  function world(renderer = ingresses()) {
    const live = memoryTarget();
    const cluster = { serves: OLD, asked: 0, fails: undefined as TrueUpError | undefined, hangs: false };
    const target: Target = {
      ...live,
      async capabilities() {
        cluster.asked += 1;
        if (cluster.fails !== undefined) throw cluster.fails;
        if (cluster.hangs) await new Promise(() => {});
        return cluster.serves;
      },
    };
    const source = memorySource({ files: { host: "a.example" } });
    const controller = createController({
      sources: { git: source },
      renderers: { ingresses: renderer },
      targets: { live: target },
      store: memoryStore(),
      pollMs: 3_600_000,
      callTimeoutMs: 100,
      applications: [{ name: "web", source: "git", target: "live" }],
    });
    onTestFinished(async () => await controller.stop());
    const apiVersion = () => live.get({ group: "networking", kind: "Ingress", name: "web" })?.apiVersion;
    return { renderer, live, cluster, source, controller, apiVersion, sync: () => controller.sync("web") };
  }

  it("renders again when they change, and not while they do not", async () => {
    const { renderer, cluster, sync, apiVersion } = world();
    await sync();
    expect([renderer.renders, apiVersion()]).toEqual([1, "networking/v1beta1"]);
    cluster.serves = { ...OLD, apiVersions: OLD.apiVersions.toReversed() };
    expect((await sync()).changes).toEqual([]);
    expect(renderer.renders).toBe(1);
    cluster.serves = NEW;
    expect((await sync()).changes).toMatchObject([{ action: "update", outcome: "done" }]);
    expect([renderer.renders, apiVersion()]).toEqual([2, "networking/v1"]);
  });

  it("is not rendered for capabilities that it never asked for", async () => {
    const { renderer, cluster, sync } = world(ingresses({ asks: false }));
    await sync();
    cluster.serves = NEW;
    await sync();
    expect([renderer.renders, cluster.asked]).toEqual([1, 0]);
  });

  it("keeps its hands off while the target cannot say, and goes on when it can", async () => {
    const { renderer, cluster, sync } = world();
    await sync();
    cluster.fails = new TrueUpError("UNAVAILABLE", "no route to the cluster");
    expect(await sync()).toMatchObject({ outcome: "failed", changes: [], error: { code: "UNAVAILABLE" } });
    cluster.fails = undefined;
    cluster.hangs = true;
    expect(await sync()).toMatchObject({ outcome: "failed", changes: [], error: { code: "TIMEOUT" } });
    cluster.hangs = false;
    expect((await sync()).outcome).toBe("succeeded");
    expect(renderer.renders).toBe(1);
  });

  it("sees a change when the target says that it read everything anew, without a commit or a poll", async () => {
    const { renderer, live, cluster, controller, apiVersion } = world();
    await controller.start();
    await until(() => expect(apiVersion()).toBe("networking/v1beta1"));
    cluster.serves = NEW;
    live.resync();
    await until(() => expect(apiVersion()).toBe("networking/v1"));
    expect(renderer.renders).toBe(2);
  });
});
