// Metrics for Prometheus and spans for OpenTelemetry, both served by the service that has the loop inside.
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createController, memoryStore } from "@trueup/core";
import { metrics, spans } from "@trueup/signals";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { Registry } from "prom-client";
import { configMap } from "../temporary.ts";

const source = memorySource({ files: { "settings.yaml": configMap("settings", "open") } });
const target = memoryTarget();
const controller = createController({
  sources: { shop: source },
  targets: { live: target },
  store: memoryStore(),
  applications: [{ name: "shop", source: "shop", target: "live" }],
});

const registry = new Registry();
metrics(controller, { registry });
// In a service: an OTLP exporter and a batching processor, which @opentelemetry/sdk-node sets up.
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
spans(controller, { tracer: provider.getTracer("shop") });

const server = createServer((request, response) => {
  const answer = async (): Promise<void> => {
    if (request.url === "/metrics") {
      response.writeHead(200, { "content-type": registry.contentType });
      response.end(await registry.metrics());
    } else {
      const said = exporter
        .getFinishedSpans()
        .map(({ name, duration, attributes }) => ({ name, duration, attributes }));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(said));
    }
  };
  void answer();
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const get = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
const until = async (path: string, text: string): Promise<string> => {
  for (let answer = ""; ; answer = await get(path)) {
    if (answer.includes(text)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

// It is brought up, changed by hand, and healed.
await controller.start();
await until("/metrics", 'trueup_objects_total{application="shop",result="applied"} 1');
target.edit({ kind: "ConfigMap", name: "settings" }, { "/data/value": "shut" });
const scraped = await until("/metrics", 'trueup_drift_healed_total{application="shop"} 1');
for (const line of scraped.split("\n"))
  if (/^trueup_(runs_total.*succeeded|drift|application_healthy)/.test(line)) console.log(line);

type Finished = { name: string };
const finished = JSON.parse(await until("/spans", '"drift"')) as Finished[];
const names = finished.map(({ name }) => name.replace("trueup ", ""));
console.log(names.slice(names.lastIndexOf("resolve"), names.lastIndexOf("run") + 1).join(" · "));

await controller.stop();
server.close();
