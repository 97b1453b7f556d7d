import { readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { isObject, refOf, type Manifest } from "@trueup/spec";
import { targetCases, type TargetHarness } from "@trueup/testkit";
import { filesystem } from "./filesystem.ts";
import { file, fromYaml, pathOf, place, service, toYaml } from "./testing/place.ts";

const does = { marks: true, release: true, watch: true, owned: true, identity: true, breakReads: true };

const objects: TargetHarness = {
  does,
  dropped: "/spec/limits/memory",
  sample: (name) => service(name, { replicas: 2, image: "web:1", limits: { cpu: "1", memory: "1Gi" } }),
  change: (manifest) => ({ ...manifest, spec: { replicas: 3, image: "web:2", limits: { cpu: "1" } } }),
  create() {
    const { root, target, read, write, openFiles, [Symbol.dispose]: dispose } = place();
    return {
      target,
      dispose,
      leaks: openFiles,
      reopen: () => filesystem({ root }),
      readRaw(ref) {
        const text = read(pathOf(ref));
        return text === undefined ? undefined : (fromYaml(text) as Manifest);
      },
      writeRaw: (manifest) => write(pathOf(refOf(manifest, "filesystem")), toYaml(manifest)),
      removeRaw: (ref) => rmSync(join(root, pathOf(ref)), { force: true }),
      breakReads() {
        renameSync(join(root, "prod"), join(root, "moved"));
        symlinkSync("moved", join(root, "prod"));
        return () => {
          rmSync(join(root, "prod"));
          renameSync(join(root, "moved"), join(root, "prod"));
        };
      },
    };
  },
};

describe("a directory is a target for objects", () => {
  for (const { name, run } of targetCases(objects)) it(name, run);
});

const files: TargetHarness = {
  does,
  dropped: "/spec/mode",
  sample: (name) => file(name, { path: `etc/app/${name}.conf`, content: `name = ${name}\n`, mode: "0640" }),
  change: (manifest) =>
    file(manifest.metadata.name, { path: `etc/app/${manifest.metadata.name}.conf`, content: "changed\n" }),
  create() {
    const { root, target, write, openFiles, [Symbol.dispose]: dispose } = place();
    const pathOfName = (name: string) => join(root, `etc/app/${name}.conf`);
    return {
      target,
      dispose,
      leaks: openFiles,
      reopen: () => filesystem({ root }),
      readRaw({ name }) {
        try {
          const mode = (statSync(pathOfName(name)).mode & 0o777).toString(8).padStart(4, "0");
          const content = readFileSync(pathOfName(name), "utf8");
          return file(name, { path: `etc/app/${name}.conf`, content, mode });
        } catch {
          return undefined;
        }
      },
      writeRaw({ metadata, spec }) {
        const content = isObject(spec) && typeof spec["content"] === "string" ? spec["content"] : "";
        write(`etc/app/${metadata.name}.conf`, content);
      },
      removeRaw: ({ name }) => rmSync(pathOfName(name), { force: true }),
      breakReads() {
        renameSync(join(root, "etc/app"), join(root, "etc/moved"));
        symlinkSync("moved", join(root, "etc/app"));
        return () => {
          rmSync(join(root, "etc/app"));
          renameSync(join(root, "etc/moved"), join(root, "etc/app"));
        };
      },
    };
  },
};

describe("a directory is a target for raw files", () => {
  for (const { name, run } of targetCases(files)) it(name, run);
});
