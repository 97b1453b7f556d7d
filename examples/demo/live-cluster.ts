import { AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { kubernetes } from "@trueup/kubernetes";
import { kubernetes as startServers } from "../../test/servers/kubernetes.ts";
import type { LiveSystem } from "./live.ts";

/** A Kubernetes cluster: yours by its kubeconfig, else one that is started here. Works in a namespace that it makes and removes. */
export async function liveCluster(path: string | undefined): Promise<LiveSystem> {
  const servers = path === undefined ? await startServers({ controllers: true }) : undefined;
  if (servers?.status === "unavailable") throw new Error(`no cluster: ${servers.reason}`);
  const kubeconfig = path ?? servers?.kubeconfig ?? "";
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const [core, apps] = [config.makeApiClient(CoreV1Api), config.makeApiClient(AppsV1Api)];

  const namespace = `shop-${Date.now().toString(36)}`;
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  const target = kubernetes({ kubeconfig });
  const web = { name: "web", namespace };
  return {
    place: `${config.getCurrentCluster()?.server ?? ""}, namespace ${namespace}`,
    edit: `kubectl --kubeconfig ${kubeconfig} -n ${namespace} scale deployment web --replicas 1`,
    target,
    namespace,
    patienceMs: 120_000,
    async addForeign() {
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "notes" }, data: { mine: "yes" } } });
    },
    async foreignStands() {
      return (await core.readNamespacedConfigMap({ name: "notes", namespace })).data?.["mine"] === "yes";
    },
    replicas: async () => (await apps.readNamespacedDeployment(web)).spec?.replicas,
    async scale(replicas) {
      const body = await apps.readNamespacedDeployment(web);
      if (body.spec !== undefined) body.spec.replicas = replicas;
      await apps.replaceNamespacedDeployment({ ...web, body });
    },
    async settingsVersion() {
      const { items } = await core.listNamespacedConfigMap({ namespace });
      return items.find(({ metadata }) => metadata?.name === "settings")?.metadata?.resourceVersion;
    },
    async close() {
      await core.deleteNamespace({ name: namespace });
      await target.close();
      await servers?.stop();
    },
  };
}
