import { expect, it } from "vitest";
import { soak, type SoakOptions } from "./soak.ts";

const state = (more: Partial<SoakOptions>) =>
  soak({ soakMs: 100, healthySince: undefined, unsettled: false, now: 1_000, ...more });

it("begins where nothing was healthy before", () => {
  expect(state({})).toEqual({ status: "soaking", healthySince: 1_000, leftMs: 100 });
});

it("goes on until it was long enough, to the millisecond", () => {
  expect(state({ healthySince: 901 })).toEqual({ status: "soaking", healthySince: 901, leftMs: 1 });
  expect(state({ healthySince: 900 })).toEqual({ status: "over" });
  expect(state({ healthySince: 1 })).toEqual({ status: "over" });
});

it("begins anew where something was not healthy meanwhile, and where the clock was set back", () => {
  expect(state({ healthySince: 1, unsettled: true })).toEqual({ status: "soaking", healthySince: 1_000, leftMs: 100 });
  expect(state({ healthySince: 1_001 })).toEqual({ status: "soaking", healthySince: 1_000, leftMs: 100 });
  expect(state({ healthySince: 1_000 })).toEqual({ status: "soaking", healthySince: 1_000, leftMs: 100 });
});

it("of no time is over at once", () => {
  expect(state({ soakMs: 0 })).toEqual({ status: "over" });
});
