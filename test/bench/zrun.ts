import { run } from "./zfleet.ts"; for (const r of await run()) console.log(r.what, r.value.toFixed(2), r.note ?? "");
