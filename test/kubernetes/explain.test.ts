import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { deployment, until, world, yaml } from "./world.ts";

describe("why something is unhealthy", () => {
  const cluster = useKubernetes({ controllers: true });

  it.each([
    ["image-missing", /container web: (ErrImagePull|ImagePullBackOff)/],
    ["crash-loops", /container web: CrashLoopBackOff/],
  ])("names the pod of a Deployment and its reason: %s", async (fate, wanted) => {
    const namespace = await cluster().namespace();
    const { controller, target, store } = world(
      cluster(),
      { "a.yaml": yaml(deployment(namespace, "web", { pod: { annotations: { "test.trueup.dev/pod": fate } } })) },
      { application: { healthTimeoutMs: 4_000 } },
    );
    const result = await controller.sync("web");
    expect(result.error?.message).toMatch(
      /^Deployment\.apps \S+\/web is degraded: not healthy within 4000 ms: Waiting/,
    );
    expect(result.error?.message).toMatch(wanted);
    const [tracked] = [...(await store.read("web")).inventory.values()];
    if (tracked === undefined) throw new Error("nothing was recorded");
    const owner = { installation: "i", application: "web" };
    const ask = () => target.explain(tracked, { application: "web", owner, fingerprint: () => "" });
    const { message, related } = await until("explained", ask, ({ message }) => wanted.test(message));
    expect(message).toMatch(
      /^Waiting for rollout to finish: 0 of 1 updated replicas are available\.\.\. \(Pod test-\d+\/web-/,
    );
    expect(related?.[0]?.ref.kind).toBe("Pod");
  });

  it("says that a pod finds no node", async () => {
    const namespace = await cluster().namespace();
    const manifest = deployment(namespace, "web", { pod: { nodeSelector: { no: "such" } } });
    const { controller, target, store } = world(
      cluster(),
      { "a.yaml": yaml(manifest) },
      { application: { healthTimeoutMs: 500 } },
    );
    await controller.sync("web");
    const [tracked] = [...(await store.read("web")).inventory.values()];
    if (tracked === undefined) throw new Error("nothing was recorded");
    const context = { application: "web", owner: { installation: "i", application: "web" }, fingerprint: () => "" };
    const { message } = await until(
      "explained",
      () => target.explain(tracked, context),
      ({ message }) => message.includes("Unschedulable"),
    );
    expect(message).toMatch(/Unschedulable: 0\/1 nodes are available/);
  });
});
