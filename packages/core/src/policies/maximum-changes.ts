import { countOf, flagOf, severityOf, textsOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";

/**
 * A plan changes at most `limit` objects. Parameters: `limit`, `actions` (which count: of `create`, `update`, `replace`,
 * `delete`, `adopt`; default all), `approvable` (an approval lets more through), `severity`.
 */
export const maximumChanges: Policy = ({ changes, parameters }) => {
  const severity = severityOf(parameters);
  const limit = countOf(parameters, "limit");
  const approvable = flagOf(parameters, "approvable");
  const actions = textsOf(parameters, "actions", []);
  const count = changes.filter(({ change: { action } }) => actions.length === 0 || actions.includes(action)).length;
  if (count <= limit) return [];
  const message = `${count} changes${actions.length === 0 ? "" : ` (${actions.join(", ")})`} are more than ${limit}`;
  return [{ severity, message, ...(approvable && { approvable }) }];
};
