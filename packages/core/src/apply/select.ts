import { selects, type ApplicationSpec, type Impersonation, type Ref, type Route } from "@trueup/spec";

export { matchesName, selects } from "@trueup/spec";

/** The routes of an application: its own, or the one that `target` stands for. */
export function routesOf(application: ApplicationSpec): readonly Route[] {
  return application.routes ?? (application.target === undefined ? [] : [{ target: application.target }]);
}

export function targetsOf(application: ApplicationSpec): string[] {
  return [...new Set(routesOf(application).map((route) => route.target))];
}

/** Whose rights are used for an object on its target: the route's, else the application's. `names` gives the name of a routed target. */
export function impersonationOf(
  application: ApplicationSpec,
  ref: Ref,
  names: (target: string) => string | undefined,
): Impersonation | undefined {
  const route = routesOf(application).find((route) => names(route.target) === ref.target && selects(route.match, ref));
  return route?.as ?? application.as;
}
