import { isIP } from "node:net";
import type { Format } from "ajv";

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (/^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text) ?? []).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= (month === 2 && !leap ? 28 : (DAYS[month - 1] ?? 0));
}

function isDateTime(text: string): boolean {
  const [date = "", time = ""] = text.split(/[tT]/, 2);
  const clock = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[zZ]|[-+][0-9]{2}:[0-9]{2})$/.exec(time);
  const [, hour = 99, minute = 99, second = 99] = (clock ?? []).map(Number);
  return isDate(date) && hour < 24 && minute < 60 && second < 60;
}

const integerBetween = (low: number, high: number): Format => ({
  type: "number",
  validate: (value: number): boolean => Number.isInteger(value) && value >= low && value <= high,
});

/** The formats that are checked; any other is taken as a remark, as the API server takes those it does not know. */
export const FORMATS: Readonly<Record<string, Format>> = {
  int32: integerBetween(-(2 ** 31), 2 ** 31 - 1),
  int64: integerBetween(-(2 ** 63), 2 ** 63),
  byte: (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  date: isDate,
  "date-time": isDateTime,
  ipv4: (text: string): boolean => isIP(text) === 4,
  ipv6: (text: string): boolean => isIP(text) === 6,
  uuid: (text: string): boolean => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
};
