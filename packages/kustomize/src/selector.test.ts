import { expect, it } from "vitest";
import { parseSelector, SelectorError } from "./selector.ts";

const labels = new Map([
  ["app", "web"],
  ["tier", ""],
  ["size", "5"],
  ["example.com/x", "1"],
]);

it.each([
  ["", true],
  ["app", true],
  ["!app", false],
  ["! env", true],
  ["app=web", true],
  ["app == web", true],
  ["app=db", false],
  ["tier=", true],
  ["env=", false],
  ["app!=db,tier", true],
  ["env!=prod", true],
  ["app in (db, web)", true],
  ["app in (db)", false],
  ["app notin (db)", true],
  ["env notin (db)", true],
  ["tier in ()", true],
  ["tier in (a,)", true],
  ["size>4,size<6", true],
  ["size>5", false],
  ["app>1", false],
  ["example.com/x=1", true],
])("%s: %s", (selector, matches) => {
  expect(parseSelector(selector).matches(labels)).toBe(matches);
});

it.each([
  ["app,", "found '', expected: identifier after ','"],
  ["=web", "found '=', expected: identifier"],
  ["app web", "found 'web', expected: in, notin, =, ==, !=, gt, lt"],
  ["app in web", "found 'web', expected: '('"],
  ["app in (a b)", "found 'b', expected: ',' or ')'"],
  ["app in (a", "found '', expected: ',' or ')'"],
  ["a/b/c", 'key: Invalid value: "a/b/c"'],
  ["app=a/b", 'values: Invalid value: "a/b"'],
  ["size>x", "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
])("%s is refused", (selector, reason) => {
  expect(() => parseSelector(selector)).toThrow(
    new SelectorError(`unable to parse requirement ${JSON.stringify(selector)}: ${reason}`),
  );
});
