import { expect, it } from "vitest";
import { formatG, formatG32, formatNumber } from "./numbers.ts";

// What Go's strconv and go-yaml printed.
it.each([
  [0, "0"],
  [-0, "0"],
  [1, "1"],
  [-12, "-12"],
  [1e6, "1000000"],
  [2 ** 53, "9007199254740992"],
  [1e15 + 0.5, "1.0000000000000005e+15"],
  [18446744073709549568, "18446744073709550000"],
  [2 ** 64, "1.8446744073709552e+19"],
  [-9223372036854774784, "-9223372036854775000"],
  [-(2 ** 63), "-9.223372036854776e+18"],
  [1e20, "1e+20"],
  [1e21, "1e+21"],
  [0.5, "0.5"],
  [1.25, "1.25"],
  [-0.0001, "-0.0001"],
  [0.00001, "1e-05"],
  [0.00012345, "0.00012345"],
  [123456.5, "123456.5"],
  [999999.5, "999999.5"],
  [1234567.5, "1.2345675e+06"],
  [5e-324, "5e-324"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
])("%d is written %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("%d cannot be written", (value) => {
  expect(() => formatNumber(value)).toThrow(`${value} cannot be written as JSON or YAML`);
});

it.each([
  [1000000, "1e+06"],
  [999999, "999999"],
  [0.0001, "0.0001"],
  [0.00009, "9e-05"],
])("%d is %s with %%g", (value, text) => {
  expect(formatG(value)).toBe(text);
});

it.each([
  [1.1, "1.1"],
  [0.1, "0.1"],
  [Math.PI, "3.1415927"],
  [123456789.12345679, "1.2345679e+08"],
  [64439187, "6.4439188e+07"],
  [16777216, "1.6777216e+07"],
  [1e-8, "1e-08"],
  [1e40, ".inf"],
  [-1e40, "-.inf"],
])("%d is %s with %%g of 32 bits", (value, text) => {
  expect(formatG32(value)).toBe(text);
});
