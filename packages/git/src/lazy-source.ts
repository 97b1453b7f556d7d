import { TrueUpError, type Source } from "@trueup/spec";

/** A source that is made, and whose code is loaded, when it is first used. */
export function lazySource(name: string, make: () => Promise<Source>): Source {
  let made: Promise<Source> | undefined;
  let closed = false;
  const source = (): Promise<Source> => {
    if (closed) throw new TrueUpError("INVALID", `${name} was closed`);
    made ??= make().catch((error: unknown) => {
      // Tried again the next time: a repository may come to be where none was.
      made = undefined;
      throw error;
    });
    return made;
  };
  return {
    name,
    resolve: async (options) => (await source()).resolve(options),
    open: async (revision, options) => (await source()).open(revision, options),
    async close() {
      closed = true;
      await (await made?.catch(() => undefined))?.close?.();
    },
  };
}
