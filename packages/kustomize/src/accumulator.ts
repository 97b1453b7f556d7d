import { TrueUpError } from "@trueup/spec";
import { EMPTY_CONFIG, mergeConfig, type TransformerConfig } from "./config.ts";
import { Resources } from "./resources.ts";
import { markVariable, variableOf, type Variable } from "./transform/vars.ts";
import type { Var } from "./shapes.ts";

/** What a kustomization has gathered: resources, the fields that transformers change, and vars. */
export class Accumulator {
  readonly resources: Resources = new Resources();
  config: TransformerConfig = EMPTY_CONFIG;
  readonly variables: Map<string, Variable> = new Map();

  mergeConfig(config: TransformerConfig): void {
    this.config = mergeConfig(this.config, config);
  }

  addVariables(vars: readonly Var[]): void {
    const variables = vars.map(variableOf);
    for (const variable of variables) markVariable(variable, this.resources);
    for (const variable of variables) this.#add(variable);
  }

  #add(variable: Variable): void {
    if (this.variables.has(variable.name))
      throw new TrueUpError("INVALID", `var '${variable.name}' already encountered`);
    this.variables.set(variable.name, variable);
  }

  /** Takes over all that a kustomization below has gathered. */
  absorb(other: Accumulator): void {
    this.resources.appendAll(other.resources.list);
    this.mergeConfig(other.config);
    for (const variable of other.variables.values()) this.#add(variable);
  }
}
