import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { filesystem } from "@trueup/filesystem";
import type { LiveSystem } from "./live.ts";

const FOREIGN = "mine, not yours\n";

/** The embedded default: each object is a file. */
export async function liveDirectory(root: string): Promise<LiveSystem> {
  await mkdir(root);
  const target = filesystem({ root });
  const namespace = "shop";
  const web = join(root, namespace, "Deployment.apps/web.yaml");
  const settings = join(root, namespace, "ConfigMap/settings.yaml");
  const foreign = join(root, "notes.txt");
  const replicas = async (): Promise<number> => Number(/replicas: (\d+)/.exec(await readFile(web, "utf8"))?.[1]);
  return {
    place: root,
    edit: web,
    target,
    namespace,
    patienceMs: 15_000,
    addForeign: async () => await writeFile(foreign, FOREIGN),
    foreignStands: async () => (await readFile(foreign, "utf8")) === FOREIGN,
    replicas,
    async scale(wanted) {
      const text = await readFile(web, "utf8");
      await writeFile(web, text.replace(`replicas: ${await replicas()}`, `replicas: ${wanted}`));
    },
    settingsVersion: async () => (existsSync(settings) ? String((await stat(settings)).mtimeMs) : undefined),
    close: async () => await target.close?.(),
  };
}
