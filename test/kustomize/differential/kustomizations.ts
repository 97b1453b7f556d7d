import { emitYaml } from "@trueup/manifest";
import { MAKERS, NAMES, NAMESPACES, odd, someText, texts, type Obj } from "./objects.ts";
import { print, raw, Raw, type Value } from "./print.ts";
import { Random } from "./random.ts";

export interface GeneratedCase {
  readonly seed: number;
  readonly files: Readonly<Record<string, string>>;
  readonly dir: string;
}

interface Made {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly object: Obj;
}

const madeOf = (object: Obj): Made => {
  const metadata = object["metadata"] as { name: string; namespace?: string };
  return {
    apiVersion: object["apiVersion"] as string,
    kind: object["kind"] as string,
    name: metadata.name,
    namespace: typeof metadata.namespace === "string" ? metadata.namespace : undefined,
    object,
  };
};

/** A random tree of kustomizations: a base, and perhaps overlays and components. Most are valid; both sides must refuse the others. */
export function generateCase(seed: number): GeneratedCase {
  const random = new Random(seed);
  const files: Record<string, string> = {};
  const base = new Layer("base", random, files, []);
  base.write();
  let made = base.made;
  let dir = "base";
  const layers = random.below(3);
  for (let i = 1; i <= layers; i++) {
    const name = `layer${i}`;
    const layer = new Layer(name, random, files, made);
    layer.resources.push(`../${dir}`);
    layer.write();
    made = layer.made;
    dir = name;
  }
  return { seed, files, dir };
}

const WORKLOADS: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);

class Layer {
  readonly resources: string[] = [];
  readonly made: Made[];
  readonly #dir: string;
  readonly #random: Random;
  readonly #files: Record<string, string>;
  readonly #isComponent: boolean;

  constructor(dir: string, random: Random, files: Record<string, string>, below: readonly Made[], isComponent = false) {
    this.#dir = dir;
    this.#random = random;
    this.#files = files;
    this.#isComponent = isComponent;
    this.made = [...below];
  }

  write(): void {
    const random = this.#random;
    const isBase = this.made.length === 0;
    this.#addFiles(isBase ? 1 + random.below(6) : random.chance(0.3) ? 1 : 0);
    const fields: Record<string, Value | undefined> = {
      ...(this.#isComponent ? { apiVersion: "kustomize.config.k8s.io/v1alpha1", kind: "Component" } : {}),
      ...(random.chance(0.5) && !this.#isComponent
        ? { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization" }
        : {}),
    };
    const makers = random.shuffled(this.#makers());
    const wanted = makers.slice(0, random.below(isBase ? 5 : 7));
    for (const make of wanted) Object.assign(fields, make());
    if (!isBase && !this.#isComponent && random.chance(0.15)) fields["components"] = [this.#component()];
    if (this.resources.length > 0) fields["resources"] = this.resources;
    const ordered = Object.fromEntries(random.shuffled(Object.entries(fields)));
    if (Object.keys(fields).every((field) => field === "apiVersion" || field === "kind")) ordered["namePrefix"] = "p-";
    this.#put(random.pick(["kustomization.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"]), ordered);
  }

  #put(name: string, value: Value): string {
    this.#files[`${this.#dir}/${name}`] = print(value, this.#random);
    return name;
  }

  #addFiles(count: number): void {
    const random = this.#random;
    for (let i = 0; i < count; i++) {
      const objects = random
        .times(3, () => random.pick(MAKERS)(random, random.pick(NAMES)), 1)
        .filter((object) => this.#isNew(object));
      if (objects.length === 0) continue;
      for (const object of objects) this.made.push(madeOf(object));
      const name = `r${i}.yaml`;
      this.resources.push(name);
      this.#files[`${this.#dir}/${name}`] = this.#document(objects);
    }
  }

  /** Two of the same identity are an error on both sides: rare is enough. */
  #isNew(object: Obj): boolean {
    const made = madeOf(object);
    const same = this.made.some((other) => other.kind === made.kind && other.name === made.name);
    return !same || this.#random.chance(0.03);
  }

  #document(objects: readonly Obj[]): string {
    const random = this.#random;
    const kind = random.below(12);
    if (kind === 0) return print({ apiVersion: "v1", kind: "List", items: objects }, random);
    if (kind === 1) return print({ apiVersion: "v1", kind: "ConfigMapList", items: objects }, random);
    const text = objects
      .map((object) => print(object, random))
      .join(random.pick(["---\n", "---\n", "--- # next\n", "---\n# only a comment\n---\n"]));
    const headed = random.chance(0.2) ? `---\n${text}` : text;
    return kind === 2 ? headed.replaceAll("\n", "\r\n") : headed;
  }

  #some(): Made | undefined {
    return this.made.length === 0 ? undefined : this.#random.pick(this.made);
  }

  #component(): string {
    const dir = `${this.#dir}-component`;
    new Layer(dir, this.#random, this.#files, this.made, true).write();
    return `../${dir}`;
  }

  #makers(): (() => Record<string, Value | undefined>)[] {
    const random = this.#random;
    return [
      () => ({ namePrefix: random.pick(["pre-", "a-", raw("'1'")]) }),
      () => ({ nameSuffix: random.pick(["-suf", "-v2", raw('"2"')]) }),
      () => ({ namespace: random.pick(NAMESPACES) }),
      () => ({ commonLabels: { app: random.pick(NAMES), ...(random.chance(0.3) ? { "x.y/z": "1" } : {}) } }),
      () => ({ labels: random.times(2, () => this.#label(), 1) }),
      () => ({ commonAnnotations: { note: random.pick(["a", "1", "true", "line\nline", ""]) } }),
      () => ({ images: random.times(2, () => this.#image(), 1) }),
      () => ({ replicas: this.#replicas() }),
      () => ({ patches: random.times(3, () => this.#patch(), 1) }),
      () => ({ patches: random.times(3, () => this.#patch(), 1) }),
      () => ({ patchesStrategicMerge: this.#strategic() }),
      () => ({ patchesJson6902: this.#json6902() }),
      () => ({ configMapGenerator: random.times(2, (i) => this.#generator(i), 1) }),
      () => ({ secretGenerator: random.times(2, (i) => this.#generator(i + 2), 1) }),
      () => ({
        generatorOptions: {
          disableNameSuffixHash: random.chance(0.3) ? true : undefined,
          labels: random.chance(0.4) ? { gen: "yes" } : undefined,
          annotations: random.chance(0.3) ? { gen: "a" } : undefined,
          immutable: random.chance(0.2) ? true : undefined,
        },
      }),
      () => ({ replacements: random.times(2, () => this.#replacement(), 1) }),
      () => ({ vars: this.#vars() }),
      () => ({ configurations: [this.#configuration()] }),
      () => ({ transformers: random.times(2, (i) => this.#transformer(i), 1) }),
      () => ({ sortOptions: this.#sortOptions() }),
      () => ({ buildMetadata: random.some(["originAnnotations", "transformerAnnotations", "managedByLabel"], 0.5) }),
      () => ({ generators: [this.#pluginGenerator()] }),
    ];
  }

  #label(): Value {
    const random = this.#random;
    return {
      pairs: { team: random.pick(NAMES), ...(random.chance(0.2) ? { app: "over" } : {}) },
      includeSelectors: random.chance(0.3) ? true : undefined,
      includeTemplates: random.chance(0.3) ? true : undefined,
      fields: random.chance(0.2)
        ? [
            {
              path: random.pick(["spec/selector", "spec/template/metadata/labels", "a/b"]),
              create: random.chance(0.7),
              kind: random.chance(0.5) ? "Deployment" : undefined,
            },
          ]
        : undefined,
    };
  }

  #image(): Value {
    const random = this.#random;
    return {
      name: random.pick(["nginx", "gcr.io/a/b", "localhost:5000/x", "redis", "ngi.x", "x"]),
      newName: random.chance(0.4) ? random.pick(["other", "my.registry/nginx"]) : undefined,
      newTag: random.chance(0.5) ? random.pick(["v2", raw("'1.10'"), "latest"]) : undefined,
      digest: random.chance(0.2) ? "sha256:abc" : undefined,
      tagSuffix: random.chance(0.1) ? "-x" : undefined,
    };
  }

  #replicas(): Value {
    const random = this.#random;
    const scaled = this.made.filter(({ kind }) => ["Deployment", "StatefulSet", "ReplicaSet"].includes(kind));
    if (scaled.length === 0) return [];
    return random.times(2, () => ({ name: random.pick(scaled).name, count: random.below(6) }), 1);
  }

  #target(): Obj {
    const random = this.#random;
    const made = this.#some();
    return {
      kind: random.chance(0.8) ? (random.chance(0.9) ? (made?.kind ?? "Deployment") : "Deploy.*") : undefined,
      name: random.chance(0.4) ? random.pick([made?.name ?? "web", ".*", "we.*", "web|db"]) : undefined,
      group: random.chance(0.1) ? random.pick(["apps", ""]) : undefined,
      version: random.chance(0.1) ? "v1" : undefined,
      namespace: random.chance(0.1) ? random.pick(NAMESPACES) : undefined,
      labelSelector: random.chance(0.15)
        ? random.pick(["app=web", "app in (web, db)", "!tier", "env", "app!=x,tier"])
        : undefined,
      annotationSelector: random.chance(0.05) ? "x" : undefined,
    };
  }

  /** A patch that names its resource, with fields of its own kind changed. */
  #mergePatch(made: Made): Obj {
    const random = this.#random;
    const body: Record<string, Value | undefined> = {
      apiVersion: made.apiVersion,
      kind: made.kind,
      metadata: {
        name: made.name,
        namespace: made.namespace,
        labels: random.chance(0.3) ? { patched: "yes", ...(random.chance(0.3) ? { app: null } : {}) } : undefined,
        annotations: random.chance(0.2)
          ? random.pick<Value>([{ note: "p" }, null, { $patch: "replace", only: "x" }])
          : undefined,
      },
    };
    const pod = this.#podPatch();
    const chance = random.below(10);
    if (chance === 0) return { ...body, $patch: random.pick(["delete", "replace", "merge"]) };
    switch (made.kind) {
      case "Deployment":
      case "StatefulSet":
      case "DaemonSet":
      case "ReplicaSet":
        return {
          ...body,
          spec: {
            replicas: random.chance(0.4) ? random.pick<Value>([5, null, raw("'7'")]) : undefined,
            template: random.chance(0.8)
              ? { metadata: random.chance(0.2) ? { labels: { t: "1" } } : undefined, spec: pod }
              : undefined,
            strategy: random.chance(0.2) ? { $retainKeys: ["type"], type: "Recreate" } : undefined,
          },
        };
      case "Pod":
        return { ...body, spec: pod };
      case "CronJob":
        return { ...body, spec: { jobTemplate: { spec: { template: { spec: pod } } } } };
      case "Service":
        return {
          ...body,
          spec: {
            ports: random.pick<Value>([
              [{ port: 80, targetPort: 9090 }],
              [
                { port: 80, protocol: "TCP", targetPort: 1 },
                { port: 443, protocol: "TCP" },
              ],
              [{ port: 81, $patch: "delete" }],
              [{ $patch: "replace" }, { port: 1 }],
            ]),
            selector: random.chance(0.2) ? null : undefined,
          },
        };
      case "ConfigMap":
        return {
          ...body,
          data: random.pick<Value | undefined>([
            { app: "patched", x: null },
            texts(random),
            null,
            { $patch: "replace", only: "x" },
            { $patch: "delete" },
          ]),
        };
      default:
        return {
          ...body,
          spec: random.chance(0.5)
            ? { size: odd(random), list: [odd(random)], extra: { deep: { er: someText(random), gone: null } } }
            : undefined,
        };
    }
  }

  #podPatch(): Obj {
    const random = this.#random;
    const container: Obj = {
      name: random.pick(["main", "side", "new"]),
      image: random.chance(0.5) ? "patched:1" : undefined,
      env: random.chance(0.4)
        ? random.pick<Value>([
            [
              { name: "ENV_0", value: "patched" },
              { name: "NEW", value: odd(random) },
            ],
            [{ name: "ENV_1", $patch: "delete" }],
            [{ $patch: "replace" }, { name: "ONLY", value: "x" }],
            [{ name: "ENV_0", value: null }],
            null,
          ])
        : undefined,
      ports: random.chance(0.4)
        ? random.pick<Value>([
            [{ containerPort: 80, name: "http" }],
            [{ containerPort: 80, protocol: "UDP", name: "dns" }],
            [{ containerPort: 81, protocol: "TCP" }, { containerPort: 9000 }],
            [{ containerPort: 80, $patch: "delete" }],
          ])
        : undefined,
      volumeMounts: random.chance(0.2)
        ? [
            { mountPath: "/data", name: "data", readOnly: true },
            { mountPath: "/new", name: "etc" },
          ]
        : undefined,
      args: random.chance(0.2) ? ["replaced"] : undefined,
      resources: random.chance(0.1) ? random.pick<Value>([{ limits: { cpu: raw("2") } }, null, {}]) : undefined,
    };
    return {
      containers: random.chance(0.7)
        ? [container, ...(random.chance(0.2) ? [{ name: "side", $patch: "delete" }] : [])]
        : undefined,
      initContainers: random.chance(0.1) ? [{ name: "pre", image: "nginx:1" }] : undefined,
      volumes: random.chance(0.3)
        ? random.pick<Value>([
            [
              { name: "data", emptyDir: {} },
              { name: "more", configMap: { name: "web" } },
            ],
            [{ name: "etc", $patch: "delete" }],
            [{ name: "data", configMap: null, secret: { secretName: "db" } }],
          ])
        : undefined,
      imagePullSecrets: random.chance(0.1) ? [{ name: "cache" }] : undefined,
      tolerations: random.chance(0.1) ? [{ key: "b" }] : undefined,
      nodeSelector: random.chance(0.1) ? { $patch: "replace", zone: "a" } : undefined,
      topologySpreadConstraints: random.chance(0.1)
        ? [{ topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", maxSkew: 2 }]
        : undefined,
      hostAliases: random.chance(0.05) ? [{ ip: "127.0.0.1", hostnames: ["b"] }] : undefined,
    };
  }

  /** For a resource of the kind, most of which apply. */
  #operations(kind: string): Value {
    const random = this.#random;
    const any: (() => Value)[] = [
      () => ({ op: "add", path: "/metadata/labels", value: { set: "by-json" } }),
      () => ({ op: "replace", path: "/metadata/name", value: "renamed" }),
      () => ({ op: "copy", from: "/metadata/name", path: "/metadata/copied" }),
      () => ({ op: "add", path: "/metadata/annotations", value: { "a/b": someText(random), n: odd(random) } }),
      () => ({ op: "add", path: "/extra", value: { a: [1, odd(random), { b: null }] } }),
    ];
    const workloads: (() => Value)[] = [
      () => ({ op: "replace", path: "/spec/replicas", value: random.pick<Value>([4, "4"]) }),
      () => ({ op: "add", path: "/spec/extra", value: { a: [1, odd(random), { b: null }] } }),
      () => ({ op: "replace", path: "/spec/template/spec/containers/0/image", value: "json:1" }),
      () => ({ op: "add", path: "/spec/template/spec/containers/-", value: { name: "j", image: "nginx:1" } }),
      () => ({ op: "add", path: "/spec/template/spec/containers/0/env", value: [{ name: "J", value: odd(random) }] }),
    ];
    const data: (() => Value)[] = [
      () => ({ op: "add", path: "/data", value: { new: someText(random), n: odd(random) } }),
    ];
    const failing: (() => Value)[] = [
      () => ({ op: "test", path: "/metadata/labels/app", value: "web" }),
      () => ({ op: "remove", path: "/metadata/labels" }),
      () => ({ op: "move", from: "/metadata/labels", path: "/metadata/moved" }),
      () => ({ op: "add", path: "/metadata/annotations/a~1b", value: someText(random) }),
    ];
    const choices = [
      ...any,
      ...(WORKLOADS.has(kind) ? workloads : []),
      ...(kind === "ConfigMap" || kind === "Secret" ? data : []),
      ...(random.chance(0.15) ? failing : []),
    ];
    return random.times(3, () => random.pick(choices)(), 1);
  }

  #patch(): Value {
    const random = this.#random;
    const made = this.#some();
    if (made === undefined)
      return { patch: "- op: add\n  path: /metadata/x\n  value: 1\n", target: { kind: "Deployment" } };
    if (random.chance(0.35)) {
      const target = { ...this.#target(), kind: made.kind };
      const operations = this.#operations(made.kind);
      return random.chance(0.7)
        ? { target, patch: print(operations, random) }
        : { target, path: this.#file("json.yaml", operations) };
    }
    const patch = this.#mergePatch(made);
    const options = random.chance(0.15)
      ? { allowNameChange: random.chance(0.5), allowKindChange: random.chance(0.3) }
      : undefined;
    const target = random.chance(0.3) ? { ...this.#target(), kind: made.kind } : undefined;
    const renamed =
      options === undefined && target === undefined
        ? patch
        : {
            ...patch,
            metadata: {
              ...(patch["metadata"] as Obj),
              name: random.chance(0.5) && target !== undefined ? "other" : made.name,
            },
          };
    return random.chance(0.6)
      ? { patch: print(renamed, random), target, options }
      : { path: this.#file("patch.yaml", renamed), target, options };
  }

  #strategic(): Value {
    const random = this.#random;
    return random.times(
      2,
      () => {
        const made = this.#some();
        if (made === undefined) return "missing.yaml";
        const patch = this.#mergePatch(made);
        return random.chance(0.5) ? print(patch, random) : this.#file("sm.yaml", patch);
      },
      1,
    );
  }

  #json6902(): Value {
    const random = this.#random;
    const made = this.#some();
    if (made === undefined) return [];
    const [group, version] = made.apiVersion.includes("/") ? made.apiVersion.split("/") : [undefined, made.apiVersion];
    return [
      {
        target: { group, version, kind: made.kind, name: made.name },
        patch: print(this.#operations(made.kind), random),
      },
    ];
  }

  #file(name: string, value: Value): string {
    const unique = `${Object.keys(this.#files).length}-${name}`;
    return this.#put(unique, value);
  }

  #generator(i: number): Value {
    const random = this.#random;
    const kind = i < 2 ? "ConfigMap" : "Secret";
    const known = this.made.find((made) => made.kind === kind && made.namespace === undefined);
    const isKnown = known !== undefined && random.chance(0.4);
    const fresh = NAMES.filter((candidate) => !this.made.some((made) => made.kind === kind && made.name === candidate));
    const name = isKnown ? known.name : random.pick([...fresh, `gen-${this.#dir}-${i}`]);
    this.made.push({ apiVersion: "v1", kind, name, namespace: undefined, object: {} });
    const envs = random.chance(0.3);
    if (envs)
      this.#files[`${this.#dir}/env${i}.env`] =
        '# comment\nA=1\n  B=two words\nEMPTY=\nNOEQ\n\nQ="quoted"\nURL=http://x?a=b\n';
    const files = random.chance(0.3);
    if (files) {
      this.#files[`${this.#dir}/f${i}.txt`] = random.pick([
        "content\n",
        "no newline",
        "a\tb\n\n\nc  \n",
        "x".repeat(200),
        "trailing  \n",
        "é\u{1f600}\n",
        "",
        "\n\nleading\n",
        "<html>&amp;</html>\n",
        "  indented\nthen not\n",
      ]);
    }
    return {
      name,
      namespace: !isKnown && random.chance(0.2) ? random.pick(NAMESPACES) : undefined,
      behavior: isKnown ? random.pick(["merge", "replace"]) : random.chance(0.1) ? "create" : undefined,
      literals: random.chance(0.7)
        ? random.some(
            ["a=b", "k='quoted'", 'd="double"', "eq=a=b", "empty=", "n=123", "t=true", "sp=a b ", "ml=a\nb"],
            0.4,
          )
        : undefined,
      envs: envs ? [`env${i}.env`] : undefined,
      files: files ? random.pick<Value>([[`f${i}.txt`], [`key.${i}=f${i}.txt`]]) : undefined,
      type: i >= 2 && random.chance(0.3) ? "kubernetes.io/tls" : undefined,
      options: random.chance(0.4)
        ? {
            disableNameSuffixHash: random.chance(0.4) ? true : undefined,
            labels: random.chance(0.4) ? { own: "1" } : undefined,
            annotations: random.chance(0.3) ? { own: "x" } : undefined,
            immutable: random.chance(0.2) ? true : undefined,
          }
        : undefined,
    };
  }

  #replacement(): Value {
    const random = this.#random;
    const from = this.#some();
    const to = this.#some();
    const inline: Obj = {
      source:
        from === undefined || random.chance(0.05)
          ? undefined
          : {
              kind: from.kind,
              name: random.chance(0.9) ? from.name : undefined,
              fieldPath: random.chance(0.7) ? this.#sourceField(from.kind) : undefined,
              options: random.chance(0.2)
                ? { delimiter: random.pick(["-", ":", "/"]), index: random.below(2) }
                : undefined,
            },
      sourceValue: from === undefined ? "static" : undefined,
      targets: [
        {
          select: { kind: to?.kind ?? "Deployment", name: random.chance(0.5) ? to?.name : undefined },
          reject: random.chance(0.1) ? [{ name: random.pick(NAMES) }] : undefined,
          fieldPaths: random.chance(0.9) ? [this.#targetField(to?.kind ?? "Deployment")] : undefined,
          options: random.chance(0.9)
            ? {
                create: random.chance(0.85) ? true : undefined,
                delimiter: random.chance(0.25) ? random.pick([":", "-", "/"]) : undefined,
                index: random.chance(0.3) ? random.pick([0, 1, -1, 5]) : undefined,
              }
            : undefined,
        },
      ],
    };
    return random.chance(0.8)
      ? inline
      : { path: this.#file("replacement.yaml", random.chance(0.5) ? inline : [inline]) };
  }

  #sourceField(kind: string): string {
    const random = this.#random;
    const any = [
      "metadata.name",
      "metadata.name",
      "kind",
      ...(random.chance(0.1) ? ["metadata.namespace", "metadata.labels.app", "metadata.annotations.[a.b/c]"] : []),
    ];
    if (WORKLOADS.has(kind))
      return random.pick([
        ...any,
        "spec.template.spec.containers.0.image",
        "spec.template.spec.containers",
        "spec.template.spec.containers.[name=main].name",
      ]);
    if (kind === "Service") return random.pick([...any, "spec.ports.0.port", "spec.ports.0"]);
    return random.pick(any);
  }

  #targetField(kind: string): string {
    const random = this.#random;
    const any = [
      "metadata.annotations.copied",
      "metadata.labels.app",
      "metadata.name",
      "metadata.annotations.[x.y/z]",
      "extra.deep.field",
    ];
    if (WORKLOADS.has(kind)) {
      return random.pick([
        ...any,
        "spec.template.spec.containers.[name=main].image",
        "spec.template.spec.containers.*.image",
        "spec.template.spec.containers.0.env.[name=ENV_0].value",
        "spec.template.spec.containers.[name=new].image",
        "spec.replicas",
        "spec.template.spec",
      ]);
    }
    if (kind === "ConfigMap") return random.pick([...any, "data.app", "data.x"]);
    if (kind === "Service") return random.pick([...any, "spec.ports.0.port", "spec.ports.*.name", "spec.selector.app"]);
    return random.pick(any);
  }

  #vars(): Value {
    const random = this.#random;
    return random
      .shuffled(["VAR_ONE", "VAR_TWO"])
      .slice(0, 1 + random.below(2))
      .flatMap((name): Value[] => {
        const made = this.#some();
        if (made === undefined) return [];
        const fields = [
          undefined,
          "metadata.name",
          "kind",
          ...(made.kind === "Service" ? ["spec.ports[0].port"] : []),
          ...(random.chance(0.1) ? ["metadata.namespace", "data.app"] : []),
        ];
        const field = random.pick<string | undefined>(fields);
        return [
          {
            name: `${name}${random.chance(0.2) ? "_X" : ""}`,
            objref: { apiVersion: made.apiVersion, kind: made.kind, name: made.name },
            fieldref: field === undefined ? undefined : { fieldpath: field },
          },
        ];
      });
  }

  #configuration(): string {
    const random = this.#random;
    return this.#file("config.yaml", {
      namePrefix: random.chance(0.3)
        ? [{ path: "metadata/name" }, { path: "spec/ref/name", kind: "Widget" }]
        : undefined,
      commonLabels: random.chance(0.3) ? [{ path: "spec/labels", create: true, kind: "Widget" }] : undefined,
      labels: random.chance(0.2) ? [{ path: "spec/lab", create: true, kind: "Widget" }] : undefined,
      commonAnnotations: random.chance(0.2)
        ? [{ path: "spec/anno", create: random.chance(0.5), kind: "Widget" }]
        : undefined,
      namespace: random.chance(0.2) ? [{ path: "spec/ns", create: true, kind: "Widget" }] : undefined,
      nameReference: random.chance(0.4)
        ? [
            {
              kind: random.pick(["ConfigMap", "Service", "Secret"]),
              version: "v1",
              fieldSpecs: [{ path: "spec/ref/name", kind: "Widget" }],
            },
          ]
        : undefined,
      varReference: random.chance(0.3)
        ? [
            { path: "spec/size", kind: "Widget" },
            { path: "data", kind: "ConfigMap" },
          ]
        : undefined,
      images: random.chance(0.2) ? [{ path: "spec/list/image" }] : undefined,
      replicas: random.chance(0.1) ? [{ path: "spec/size", create: true, kind: "Widget" }] : undefined,
    });
  }

  #transformer(i: number): string {
    const random = this.#random;
    const metadata = { name: `t${i}-${random.below(1000)}` };
    const specs = [
      {
        path: random.pick(["metadata/labels", "metadata/annotations", "spec/template/metadata/labels"]),
        create: random.chance(0.7),
      },
    ];
    const plugin = random.pick<() => Obj>([
      () => ({
        apiVersion: "builtin",
        kind: "LabelTransformer",
        metadata,
        labels: { l: "1", odd: odd(random) instanceof Raw ? "x" : "y" },
        fieldSpecs: specs,
      }),
      () => ({
        apiVersion: "builtin",
        kind: "AnnotationsTransformer",
        metadata,
        annotations: { n: raw("5"), b: raw("true"), f: raw("1.5") },
        fieldSpecs: [{ path: "metadata/annotations", create: true }],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "PrefixTransformer",
        metadata,
        prefix: "tp-",
        fieldSpecs: [{ path: "metadata/name" }],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "SuffixTransformer",
        metadata,
        suffix: "-ts",
        fieldSpecs: [{ path: "metadata/name", kind: random.chance(0.5) ? "Deployment" : undefined }],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "PrefixSuffixTransformer",
        metadata,
        prefix: "x-",
        suffix: "-y",
        fieldSpecs: [{ path: "metadata/name" }],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "NamespaceTransformer",
        metadata: { ...metadata, namespace: random.pick(NAMESPACES) },
        unsetOnly: random.chance(0.4),
        setRoleBindingSubjects: random.chance(0.5)
          ? random.pick(["defaultOnly", "allServiceAccounts", "none"])
          : undefined,
        fieldSpecs: [{ path: "metadata/name", kind: "Namespace", create: true }],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "ImageTagTransformer",
        metadata,
        imageTag: { name: "nginx", newTag: raw("1.10") },
        fieldSpecs: [],
      }),
      () => ({
        apiVersion: "builtin",
        kind: "PatchTransformer",
        metadata,
        patch: print(this.#operations(""), random),
        target: this.#target(),
      }),
      () => ({ apiVersion: "builtin", kind: "HashTransformer", metadata }),
      () => ({
        apiVersion: "builtin",
        kind: "ValueAddTransformer",
        metadata,
        value: "added",
        targets: [
          {
            fieldPath: random.pick(["metadata/annotations/v", "metadata/namespace", "metadata/name"]),
            filePathPosition: random.below(3),
            selector: this.#target(),
          },
        ],
      }),
      () => ({ apiVersion: "builtin", kind: "ReplacementTransformer", metadata, replacements: [this.#replacement()] }),
    ])();
    return random.chance(0.5) ? this.#file("transformer.yaml", plugin) : print(plugin, random);
  }

  #pluginGenerator(): string {
    const random = this.#random;
    const plugin: Obj = random.pick<Obj>([
      {
        apiVersion: "builtin",
        kind: "ConfigMapGenerator",
        metadata: { name: "plugin-map" },
        literals: ["a=1"],
        options: { disableNameSuffixHash: random.chance(0.5) },
      },
      {
        apiVersion: "builtin",
        kind: "SecretGenerator",
        metadata: { name: "plugin-secret", namespace: "prod" },
        literals: ["s=2"],
        type: "Opaque",
      },
    ]);
    return random.chance(0.5)
      ? this.#file("generator.yaml", plugin)
      : emitYaml(JSON.parse(JSON.stringify(plugin)) as never);
  }

  #sortOptions(): Value {
    return this.#random.pick<Value>([
      { order: "fifo" },
      { order: "legacy" },
      { order: "legacy", legacySortOptions: { orderFirst: ["Service", "Deployment"], orderLast: ["ConfigMap"] } },
    ]);
  }
}
