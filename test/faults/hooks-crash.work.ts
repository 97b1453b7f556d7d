// The process that dies: `runToKill` says at which call.
import { killAt } from "@trueup/testkit";
import { runOnce } from "./hooks-crash-scenario.ts";

const [directory = ""] = process.argv.slice(2);
const { outcome, error } = await runOnce(directory, killAt());
if (outcome !== "succeeded") throw new Error(`${outcome}: ${error?.message}`);
