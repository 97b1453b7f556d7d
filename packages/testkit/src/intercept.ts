/** One call of a wrapped object's method. */
export interface Call {
  /** `apply`; of a nested object `settings.get`. */
  readonly method: string;
  /** Counts from 1, per method. */
  readonly nth: number;
  readonly args: readonly unknown[];
}

/** Stands between caller and method; `proceed` makes the call and gives its answer, a promise where the method is asynchronous. */
export type Interceptor = (call: Call, proceed: () => unknown) => unknown;

/** The same object with every method intercepted, those of nested objects too (`store.settings`). The original is left as it is. */
export function intercept<T extends object>(object: T, interceptor: Interceptor): T {
  return wrap(object, interceptor, "", new Map());
}

function wrap<T extends object>(object: T, interceptor: Interceptor, prefix: string, counts: Map<string, number>): T {
  const made = new Map<unknown, unknown>();
  // Stands on an empty object: the members of a frozen one could not be answered differently.
  return new Proxy({} as T, {
    get(_, property) {
      const value: unknown = Reflect.get(object, property, object);
      if (typeof property === "symbol" || value === null) return value;
      if (typeof value !== "function" && (typeof value !== "object" || Array.isArray(value))) return value;
      if (!made.has(value)) made.set(value, wrapMember(value, `${prefix}${property}`));
      return made.get(value);
    },
    has: (_, property) => Reflect.has(object, property),
    ownKeys: () => Reflect.ownKeys(object),
    getOwnPropertyDescriptor(_, property) {
      const own = Reflect.getOwnPropertyDescriptor(object, property);
      return own && { ...own, configurable: true };
    },
  });

  function wrapMember(value: object, method: string): unknown {
    if (typeof value !== "function") return wrap(value, interceptor, `${method}.`, counts);
    return (...args: unknown[]): unknown => {
      const nth = (counts.get(method) ?? 0) + 1;
      counts.set(method, nth);
      // Called on the original, so that classes with private fields keep working.
      return interceptor({ method, nth, args }, () => Reflect.apply(value, object, args) as unknown);
    };
  }
}
