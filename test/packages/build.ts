import { build } from "./pack.ts";

await build();
