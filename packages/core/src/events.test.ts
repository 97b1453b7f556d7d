import { expect, it } from "vitest";
import { createEvents } from "./events.ts";

type Event = { readonly type: "a" | "b" };

it("everybody hears an event, also after one who throws, and the thrower is reported", async () => {
  const errors: unknown[] = [];
  const events = createEvents<Event>((error) => errors.push(error));
  const heard: string[] = [];
  events.subscribe(() => {
    throw new Error("first");
  });
  // Types keep asynchronous listeners out; JavaScript does not.
  const late: (event: Event) => unknown = async () => await Promise.reject(new Error("later"));
  events.subscribe(late);
  events.subscribe(({ type }) => heard.push(type));
  events.emit({ type: "a" });
  expect(heard).toEqual(["a"]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toEqual([new Error("first"), new Error("later")]);
});

it("who left hears nothing; one listener may come twice and leave once", () => {
  const events = createEvents<Event>(() => {});
  let heard = 0;
  const listener = (): void => void heard++;
  const [first] = [events.subscribe(listener), events.subscribe(listener)];
  events.emit({ type: "a" });
  first?.();
  first?.();
  events.emit({ type: "b" });
  expect(heard).toBe(3);
});
