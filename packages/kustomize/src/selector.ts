/** The grammar of Kubernetes label selectors: `app=web,tier!=db,env in (a, b),!legacy`. */
type Requirement =
  | { readonly key: string; readonly test: "exists" | "missing" }
  | { readonly key: string; readonly test: "in" | "not-in"; readonly values: ReadonlySet<string> }
  | { readonly key: string; readonly test: "above" | "below"; readonly than: number };

export interface LabelSelector {
  matches(labels: ReadonlyMap<string, string>): boolean;
}

/** Why a selector cannot be read. */
export class SelectorError extends Error {}

/** Throws `SelectorError`. */
export function parseSelector(source: string): LabelSelector {
  const requirements = new Parser(source).requirements();
  return { matches: (labels) => requirements.every((requirement) => holds(requirement, labels)) };
}

function holds(requirement: Requirement, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(requirement.key);
  switch (requirement.test) {
    case "exists":
      return value !== undefined;
    case "missing":
      return value === undefined;
    case "in":
      return value !== undefined && requirement.values.has(value);
    case "not-in":
      return value === undefined || !requirement.values.has(value);
    default: {
      if (value === undefined || !/^[-+]?[0-9]+$/.test(value)) return false;
      return requirement.test === "above" ? Number(value) > requirement.than : Number(value) < requirement.than;
    }
  }
}

const SYMBOLS = new Set(["=", "==", "!=", "!", "<", ">", ",", "(", ")"]);
const isSpecial = (c: string): boolean => "=!(),><".includes(c);
const isSpace = (c: string): boolean => c === " " || c === "\t" || c === "\r" || c === "\n";

class Parser {
  readonly #source: string;
  readonly #tokens: string[];
  #next = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = [...tokens(source)];
  }

  requirements(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#tokens.length === 0) return requirements;
    for (;;) {
      requirements.push(this.#requirement());
      if (this.#next === this.#tokens.length) return requirements;
      this.#expect(",");
      if (this.#next === this.#tokens.length) this.#fail("found '', expected: identifier after ','");
    }
  }

  #requirement(): Requirement {
    const negated = this.#peek() === "!";
    if (negated) this.#next++;
    const key = this.#word("identifier");
    checkKey(key, (reason) => this.#fail(reason));
    if (negated) return { key, test: "missing" };
    const operator = this.#peek();
    if (operator === undefined || operator === ",") return { key, test: "exists" };
    this.#next++;
    switch (operator) {
      case "=":
      case "==":
        return { key, test: "in", values: new Set([this.#value()]) };
      case "!=":
        return { key, test: "not-in", values: new Set([this.#value()]) };
      case "in":
      case "notin":
        return { key, test: operator === "in" ? "in" : "not-in", values: this.#values() };
      case ">":
      case "<": {
        const value = this.#value();
        if (!/^[-+]?[0-9]+$/.test(value))
          this.#fail(
            `values[0]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        return { key, test: operator === ">" ? "above" : "below", than: Number(value) };
      }
      default:
        return this.#fail(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  /** Nothing at all is the empty value. */
  #value(): string {
    const token = this.#peek();
    if (token === undefined || token === ",") return "";
    const value = this.#word("identifier");
    checkValue(value, (reason) => this.#fail(reason));
    return value;
  }

  #values(): ReadonlySet<string> {
    this.#expect("(");
    const values = new Set<string>();
    if (this.#peek() === ")") {
      this.#next++;
      return values.add("");
    }
    for (;;) {
      const token = this.#peek();
      if (token === ",") values.add("");
      else if (token === ")") {
        values.add("");
        this.#next++;
        return values;
      } else {
        const value = this.#word("identifier");
        checkValue(value, (reason) => this.#fail(reason));
        values.add(value);
      }
      const after = this.#peek();
      this.#next++;
      if (after === ")") return values;
      if (after !== ",") this.#fail(`found '${after ?? ""}', expected: ',' or ')'`);
    }
  }

  #peek(): string | undefined {
    return this.#tokens[this.#next];
  }

  #word(what: string): string {
    const token = this.#peek();
    if (token === undefined || SYMBOLS.has(token)) this.#fail(`found '${token ?? ""}', expected: ${what}`);
    this.#next++;
    return token;
  }

  #expect(symbol: string): void {
    if (this.#peek() !== symbol) this.#fail(`found '${this.#peek() ?? ""}', expected: '${symbol}'`);
    this.#next++;
  }

  #fail(reason: string): never {
    throw new SelectorError(`unable to parse requirement ${JSON.stringify(this.#source)}: ${reason}`);
  }
}

function* tokens(source: string): Generator<string> {
  let at = 0;
  while (at < source.length) {
    const c = source[at] as string;
    if (isSpace(c)) {
      at++;
    } else if (isSpecial(c)) {
      const two = source.slice(at, at + 2);
      const symbol = two === "==" || two === "!=" ? two : c;
      yield symbol;
      at += symbol.length;
    } else {
      const start = at;
      while (at < source.length && !isSpecial(source[at] as string) && !isSpace(source[at] as string)) at++;
      yield source.slice(start, at);
    }
  }
}

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;

function checkKey(key: string, fail: (reason: string) => never): void {
  const parts = key.split("/");
  const name = parts.at(-1) as string;
  const prefixOk =
    parts.length === 1 ||
    (parts.length === 2 && SUBDOMAIN.test(parts[0] as string) && (parts[0] as string).length <= 253);
  if (!prefixOk || name.length > 63 || !NAME.test(name)) fail(`key: Invalid value: ${JSON.stringify(key)}`);
}

function checkValue(value: string, fail: (reason: string) => never): void {
  if (value !== "" && (value.length > 63 || !NAME.test(value))) fail(`values: Invalid value: ${JSON.stringify(value)}`);
}
