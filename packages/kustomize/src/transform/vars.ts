import { TrueUpError, type Finding } from "@trueup/spec";
import { formatFloat } from "../go/number.ts";
import { compareText } from "../go/json.ts";
import { visitField, type FieldSpec } from "../field-spec.ts";
import { formatId, idKey, makeId, splitApiVersion, type ResId } from "../ids.ts";
import type { Resource } from "../resource.ts";
import type { Resources } from "../resources.ts";
import type { Var } from "../shapes.ts";
import { BOOL, FLOAT, INT, isNull, isText, LITERAL, STR, type Node } from "../yaml/node.ts";
import { findPath, smartSplit } from "../yaml/path.ts";
import type { Transformer } from "./transformer.ts";

/** A var with its defaults filled in. */
export interface Variable {
  readonly name: string;
  readonly target: ResId;
  readonly fieldPath: string;
}

export function variableOf({ name = "", objref = {}, fieldref = {} }: Var): Variable {
  let { group = "", version = "" } = objref;
  const { apiVersion = "" } = objref;
  if (apiVersion !== "") {
    const gv = splitApiVersion(apiVersion);
    ({ version } = gv);
    if (gv.group !== "") ({ group } = gv);
  }
  return {
    name,
    target: makeId({ group, version, kind: objref.kind ?? "" }, objref.name ?? "", objref.namespace ?? ""),
    fieldPath: fieldref.fieldPath || "metadata.name",
  };
}

/** Notes at the resource that a var means, by any identity, that it does. */
export function markVariable(variable: Variable, resources: Resources): void {
  const { target } = variable;
  const wanted = idKey(target);
  const anyNamespace = target.namespace === "" && !target.clusterScoped;
  const isMeant = (id: ResId): boolean =>
    anyNamespace
      ? id.name === target.name && id.group === target.group && id.version === target.version && id.kind === target.kind
      : idKey(id) === wanted;
  const found = resources.list.filter(
    (resource) => !resource.isEmpty && [...resource.previousIds, resource.id].some(isMeant),
  );
  if (found.length > 1) {
    throw new TrueUpError(
      "INVALID",
      `found ${found.length} resId matches for var ${variable.name} ${formatId(target)} (unable to disambiguate)`,
    );
  }
  const [resource] = found;
  if (resource !== undefined) resource.variables = [...resource.variables, variable.name];
}

type Value = string | number | boolean;

/** Puts the values of vars in place of `$(NAME)`. */
export function resolveVariables(
  variables: ReadonlyMap<string, Variable>,
  specs: readonly FieldSpec[],
  warn: (finding: Finding) => void,
): Transformer {
  return (resources) => {
    if (variables.size === 0) return;
    const byVariable = new Map<string, Resource>();
    for (const resource of resources.list)
      for (const name of resource.variables) if (!byVariable.has(name)) byVariable.set(name, resource);
    const values = new Map<string, Value | undefined>();
    for (const name of [...variables.keys()].toSorted(compareText))
      values.set(name, valueOfVariable(variables.get(name) as Variable, byVariable));
    const used = new Set<string>();
    const lookup = (name: string): Value => {
      const value = values.get(name);
      if (value === undefined) return `$(${name})`;
      used.add(name);
      return value;
    };
    for (const resource of resources.list) {
      for (const spec of specs) visitField(resource.node, spec, { set: (node) => expandNode(node, lookup, resource) });
    }
    const unused = [...variables.keys()].filter((name) => !used.has(name));
    if (unused.length > 0) {
      warn({
        severity: "warning",
        rule: "kustomize",
        message: `well-defined vars that were never replaced: ${unused.join(",")}`,
      });
    }
  };
}

function valueOfVariable(variable: Variable, byVariable: ReadonlyMap<string, Resource>): Value | undefined {
  const resource = byVariable.get(variable.name);
  if (resource === undefined) {
    throw new TrueUpError(
      "INVALID",
      `var '${variable.name}' cannot be mapped to a field in the set of known resources`,
    );
  }
  const node = findPath(resource.node, indexed(smartSplit(variable.fieldPath, ".")));
  if (node === undefined) {
    throw new TrueUpError(
      "INVALID",
      `field specified in var '${variable.name}' (${variable.fieldPath}) not found in corresponding resource`,
      {
        origin: resource.origin,
      },
    );
  }
  if (node.kind !== "scalar") return undefined;
  if (node.tag === INT) return Number(node.value);
  if (node.tag === FLOAT) return Number(node.value);
  if (node.tag === BOOL) return node.value.toLowerCase() === "true";
  return node.value;
}

/** `ports[0]` is two steps. */
const indexed = (path: readonly string[]): string[] =>
  path.flatMap((part) => {
    const match = /^([^[\]]*)\[([0-9]+)\]$/.exec(part);
    if (match === null) return [part];
    const [, name = "", index = ""] = match;
    return name === "" ? [index] : [name, index];
  });

function expandNode(node: Node, lookup: (name: string) => Value, resource: Resource): void {
  if (isNull(node)) return;
  if (node.kind === "scalar") {
    if (isText(node)) setValue(node, expand(node.value, lookup));
    return;
  }
  const step = node.kind === "map" ? 2 : 1;
  for (let i = step - 1; i < node.content.length; i += step) {
    const item = node.content[i] as Node;
    if (isText(item)) setValue(item, expand(item.value, lookup));
    else if (node.kind === "list")
      throw new TrueUpError("INVALID", "invalid value type expect a string", { origin: resource.origin });
  }
}

function setValue(node: Node, value: Value): void {
  node.kind = "scalar";
  node.style = 0;
  if (typeof value === "string") {
    node.tag = STR;
    node.value = value;
    if (value.includes("\n")) node.style = LITERAL;
  } else if (typeof value === "boolean") {
    node.tag = BOOL;
    node.value = String(value);
  } else {
    node.tag = Number.isInteger(value) ? INT : FLOAT;
    node.value = String(value);
  }
}

/** `$(NAME)` alone keeps the type of its value; `$$` is a dollar sign. */
export function expand(text: string, lookup: (name: string) => Value): Value {
  let result = "";
  let done = 0;
  for (let at = text.indexOf("$"); at !== -1 && at + 1 < text.length; at = text.indexOf("$", done)) {
    result += text.slice(done, at);
    const next = text[at + 1] as string;
    const close = next === "(" ? text.indexOf(")", at + 2) : -1;
    if (close === -1) {
      result += next === "$" ? "$" : `$${next}`;
      done = at + 2;
      continue;
    }
    const name = text.slice(at + 2, close);
    const value = lookup(name);
    if (text === `$(${name})`) return value;
    result += typeof value === "number" ? formatFloat(value, 21) : String(value);
    done = close + 1;
  }
  return result + text.slice(done);
}
