// `pnpm demo`: a Git repository is reconciled before your eyes. `--keep` leaves it running, for you to commit and edit by hand;
// `--kubernetes` reconciles to a cluster instead of a directory, to yours with `--kubeconfig PATH`.
import { parseArgs } from "node:util";
import { createDemo } from "./demo.ts";
import { story } from "./story.ts";
import { say } from "./say.ts";

const { values } = parseArgs({
  options: {
    keep: { type: "boolean", default: false },
    kubernetes: { type: "boolean", default: false },
    kubeconfig: { type: "string" },
  },
});

const kubernetes = values.kubernetes || values.kubeconfig !== undefined;
const demo = await createDemo({ kubernetes, kubeconfig: values.kubeconfig });
let passed = false;
try {
  passed = await story(demo);
  if (values.keep) {
    say.keep(demo);
    await new Promise<void>((resolve) => process.once("SIGINT", resolve));
  }
} finally {
  await demo.close();
}
process.exitCode = passed ? 0 : 1;
