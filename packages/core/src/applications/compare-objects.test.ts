import { digestOf, type Difference, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { compareObjects, type Expected } from "./compare-objects.ts";

const object = (kind: string, name: string, more: object = {}, metadata: object = {}): Manifest => ({
  apiVersion: "v1",
  kind,
  metadata: { name, ...metadata },
  ...more,
});

const sided = (manifests: readonly Manifest[], target = "live") =>
  manifests.map((manifest, index) => ({
    target,
    declared: { manifest, origin: { file: "a.yaml", line: index + 1 }, digest: digestOf(manifest) },
  }));

const compared = (a: readonly Manifest[], b: readonly Manifest[], expected: Expected = {}) =>
  compareObjects(sided(a), sided(b), { expected, key: "k" });

/** `only-a ConfigMap x`, `differs x → y /data/z replace`. */
const short = (differences: readonly Difference[]): string[] =>
  differences.map((difference) => {
    if (difference.status === "only-a") return `only-a ${difference.a.ref.namespace}/${difference.a.ref.name}`;
    if (difference.status === "only-b") return `only-b ${difference.b.ref.namespace}/${difference.b.ref.name}`;
    const { a, b, patch } = difference;
    const what = patch.map(({ op, path }) => `${op} ${path}`).join(", ");
    return `differs ${a.ref.namespace}/${a.ref.name} ${b.ref.namespace}/${b.ref.name}: ${what}`;
  });

describe("compareObjects", () => {
  it("tells what only one has, what differs and how much is alike, in this order", () => {
    const { differences, alike } = compared(
      [object("A", "x"), object("A", "both", { data: { v: 1 } }), object("B", "same")],
      [object("A", "z"), object("A", "both", { data: { v: 2 } }), object("B", "same"), object("A", "y")],
    );
    expect(short(differences)).toEqual(["only-a /x", "only-b /y", "only-b /z", "differs /both /both: replace /data/v"]);
    expect(alike).toBe(1);
    expect(differences[3]).toEqual({
      status: "differs",
      a: {
        ref: { target: "live", group: "", kind: "A", namespace: "", name: "both" },
        origin: { file: "a.yaml", line: 2 },
        value: object("A", "both", { data: { v: 1 } }),
      },
      b: {
        ref: { target: "live", group: "", kind: "A", namespace: "", name: "both" },
        origin: { file: "a.yaml", line: 2 },
        value: object("A", "both", { data: { v: 2 } }),
      },
      patch: [{ op: "replace", path: "/data/v", value: 2 }],
    });
  });

  it("reads status, a null creationTimestamp and tools' notes as nothing", () => {
    const plain = object("A", "x", { spec: { template: { metadata: { labels: { a: "b" } } } } });
    const noisy = object(
      "A",
      "x",
      { spec: { template: { metadata: { creationTimestamp: null, labels: { a: "b" } } } }, status: { ready: 1 } },
      {
        creationTimestamp: null,
        annotations: { "config.kubernetes.io/origin": "path: a\n", "trueup.dev/tracking-id": "x:y:z" },
        labels: { "trueup.dev/application": "web" },
      },
    );
    expect(compared([plain], [noisy])).toEqual({ differences: [], alike: 1 });
    const dated = object("A", "x", { spec: plain["spec"] }, { creationTimestamp: "2026-01-01" });
    expect(short(compared([plain], [dated]).differences)).toEqual(["differs /x /x: add /metadata/creationTimestamp"]);
  });

  it("an annotation that leaves live values alone hides nothing that is declared", () => {
    const annotations = { "trueup.dev/ignore": "/spec/replicas" };
    const web = (replicas: number) => object("A", "x", { spec: { replicas } }, { annotations });
    expect(short(compared([web(1)], [web(2)]).differences)).toEqual(["differs /x /x: replace /spec/replicas"]);
  });

  it("pairs lists by their keys", () => {
    const pod = (names: string[]) =>
      object("Pod", "x", { spec: { containers: names.map((name) => ({ name, image: "i" })) } });
    const { differences } = compared([pod(["a", "b", "c"])], [pod(["b", "c"])]);
    expect(short(differences)).toEqual(["differs /x /x: remove /spec/containers/0"]);
  });

  describe("what is expected to differ", () => {
    it("namespaces, with what names them, and the Namespace itself; not the same text elsewhere", () => {
      const of = (namespace: string, env = namespace) => [
        object("Namespace", namespace),
        object("Settings", "s", { env }, { namespace }),
        object("Binding", "b", { subjects: [{ kind: "ServiceAccount", name: "s", namespace }] }, { namespace }),
      ];
      const expected = { namespace: true };
      const [staging, production] = [of("staging"), of("production")];
      expect(compared(staging, production).alike).toBe(0);
      const { differences, alike } = compared(staging, production, expected);
      expect(alike).toBe(2);
      expect(short(differences)).toEqual(["differs staging/s production/s: replace /env"]);
      expect(compared(of("staging", "x"), of("production", "x"), expected)).toEqual({ differences: [], alike: 3 });
      // Another's namespace is another value.
      const bound = (namespace: string) => object("Binding", "b", { subjects: [{ namespace }] }, { namespace: "own" });
      expect(short(compared([bound("theirs")], [bound("others")], expected).differences)).toEqual([
        "differs own/b own/b: replace /subjects/0/namespace",
      ]);
    });

    it("pairs several namespaces in their order, the same one first", () => {
      const of = (...namespaces: string[]) =>
        namespaces.map((namespace) => object("A", "x", { n: namespaces.indexOf(namespace) }, { namespace }));
      expect(compared(of("m-staging", "w-staging"), of("m-prod", "w-prod"), { namespace: true }).alike).toBe(2);
      const moved = compared(of("a", "shared"), of("shared", "z"), { namespace: true }).differences;
      expect(short(moved)).toEqual(["differs a/x z/x: replace /n", "differs shared/x shared/x: replace /n"]);
      expect(short(compared(of("a", "b"), of("b"), { namespace: true }).differences)).toEqual([
        "only-a a/x",
        "differs b/x b/x: replace /n",
      ]);
    });

    it("prefixes and suffixes of names, where objects are referred to as well", () => {
      const of = (prefix: string, suffix: string) => [
        object("ConfigMap", `${prefix}settings${suffix}`, { data: { text: `${prefix}other` } }),
        object("Web", `${prefix}web${suffix}`, { ref: `${prefix}settings${suffix}`, list: [`${prefix}web${suffix}`] }),
      ];
      const expected: Expected = { namePrefix: ["staging-", "production-"], nameSuffix: ["-1", "-22"] };
      const { differences, alike } = compared(of("staging-", "-1"), of("production-", "-22"), expected);
      expect(alike).toBe(1);
      expect(short(differences)).toEqual(["differs /staging-settings-1 /production-settings-22: replace /data/text"]);
      // Only where there is a prefix, and something behind it.
      expect(compared([object("A", "staging-")], [object("A", "production-")], expected).differences).toHaveLength(2);
      expect(compared([object("A", "x")], [object("A", "production-x")], expected).alike).toBe(1);
      expect(compared([object("A", "-1")], [object("A", "-22")], { nameSuffix: ["-1", "-22"] }).alike).toBe(0);
      expect(compared([object("A", "x-1")], [object("A", "x")], { nameSuffix: ["-1", ""] }).alike).toBe(1);
    });

    it("Kustomize's hashes", () => {
      const of = (hash: string) => [object("ConfigMap", `s-${hash}`), object("Web", "web", { ref: `s-${hash}` })];
      const [a, b] = [of("26bm2dc7h4"), of("t8ktm9bd7g")];
      expect(compared(a, b).alike).toBe(0);
      expect(compared(a, b, { nameHash: true })).toEqual({ differences: [], alike: 2 });
      for (const none of ["26bm2dc7h", "26bm2dc7h44", "26bm2dc7ha", "26bm2dc7h0"])
        expect(compared(of(none), b, { nameHash: true }).alike, none).toBe(0);
    });

    it("labels and annotations, wherever they stand", () => {
      const of = (env: string) =>
        object(
          "A",
          "x",
          {
            spec: {
              selector: { matchLabels: { app: "x", env }, labels: { [`team/${env}`]: "1" } },
              template: { metadata: { labels: { app: "x", env }, annotations: { note: env } } },
            },
          },
          { labels: { env }, annotations: { note: env } },
        );
      expect(compared([of("a")], [of("b")], { labels: ["env", "team/*"], annotations: ["note"] }).alike).toBe(1);
      expect(short(compared([of("a")], [of("b")], { labels: ["env"], annotations: ["note"] }).differences)).toEqual([
        "differs /x /x: remove /spec/selector/labels/team~1a, add /spec/selector/labels/team~1b",
      ]);
      const [differs] = compared([of("a")], [of("b")], { labels: ["*"] }).differences;
      expect(differs?.status === "differs" && differs.patch.map(({ path }) => path)).toEqual([
        "/metadata/annotations/note",
        "/spec/template/metadata/annotations/note",
      ]);
    });

    it("fields of the objects that a rule selects", () => {
      const of = (replicas: number) => [
        object("Web", "x", { spec: { replicas } }),
        object("Db", "x", { spec: { replicas } }),
      ];
      const fields = [{ match: { kind: "Web" }, pointers: ["/spec/replicas"] }];
      expect(short(compared(of(1), of(2), { fields }).differences)).toEqual(["differs /x /x: replace /spec/replicas"]);
      expect(compared(of(1), of(2), { fields }).alike).toBe(1);
    });
  });

  it("redacts secrets: equal ones alike on both sides, and what is secret on one side on the other", () => {
    const secret = (password: string) => object("Secret", "s", { data: { password, user: "dXNlcg==" } });
    const { differences } = compared([secret("b25l")], [secret("dHdv")]);
    const text = JSON.stringify(differences);
    for (const value of ["b25l", "dHdv", "dXNlcg=="]) expect(text).not.toContain(value);
    expect(short(differences)).toEqual(["differs /s /s: replace /data/password"]);
    const marked = (token: string, sensitive?: readonly string[]) => [
      {
        target: "live",
        declared: {
          manifest: object("A", "x", { spec: { token, open: "text" } }),
          origin: { file: "a" },
          digest: token,
          ...(sensitive && { sensitive }),
        },
      },
    ];
    const one = compareObjects(marked("hidden", ["/spec/token"]), marked("plain"), { expected: {}, key: "k" });
    expect(JSON.stringify(one)).not.toMatch(/hidden|plain/);
    expect(JSON.stringify(one)).toContain("text");
    const alone = compareObjects(marked("hidden", ["/spec/token"]), [], { expected: {}, key: "k" });
    expect(JSON.stringify(alone)).not.toContain("hidden");
    expect(
      JSON.stringify(compareObjects([], marked("hidden", ["/spec/token"]), { expected: {}, key: "k" })),
    ).not.toContain("hidden");
  });

  it("pairs objects of several targets with those of the same target", () => {
    const on = (target: string, n: number) => sided([object("A", "x", { n })], target);
    const two = compareObjects([...on("east", 1), ...on("west", 2)], [...on("west", 2), ...on("east", 1)], {
      expected: {},
      key: "k",
    });
    expect(two).toEqual({ differences: [], alike: 2 });
    const other = compareObjects([...on("east", 1), ...on("west", 2)], [...on("north", 2), ...on("south", 3)], {
      expected: {},
      key: "k",
    });
    expect(other.alike).toBe(1);
    expect(short(other.differences)).toEqual(["differs /x /x: replace /n"]);
  });
});
