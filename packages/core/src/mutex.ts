/** Runs bodies one after the other, in the order they came. */
export interface Mutex {
  run<T>(body: () => Promise<T>): Promise<T>;
  readonly busy: boolean;
}

export function createMutex(): Mutex {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    get busy() {
      return waiting > 0;
    },
    async run(body) {
      waiting++;
      const result = tail.then(body).finally(() => waiting--);
      tail = result.catch(() => {});
      return await result;
    },
  };
}
