import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { sqliteStore } from "@trueup/sqlite";
import { sourceOf } from "./objects.ts";
const count = Number(process.argv[2] ?? 1000);
for (let round = 0; round < Number(process.argv[3] ?? 5); round++) {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-"));
  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const target = filesystem({ root: join(directory, "live") });
  const controller = createController({ sources: { repo: sourceOf(count) }, targets: { live: target }, store,
    applications: [{ name: "all", source: "repo", target: "live", concurrency: 16 }] });
  let cpu = process.cpuUsage(); const out: string[] = [];
  controller.subscribe((event) => {
    if (event.type === "source-opened") cpu = process.cpuUsage();
    if (event.type === "step-finished") { const c = process.cpuUsage(cpu); cpu = process.cpuUsage(); out.push(`${event.step} ${event.durationMs.toFixed(0)}/${(c.user/1000).toFixed(0)}+${(c.system/1000).toFixed(0)}`); }
  });
  await controller.sync("all");
  console.log(out.join("  "));
  await controller.stop(); await target.close?.(); await store.close?.(); await rm(directory, { recursive: true });
}
