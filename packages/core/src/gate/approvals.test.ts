import { expect, it } from "vitest";
import { approved, standing, withdrawn } from "./approvals.ts";

const approval = (digest: string, expiresAt?: number) => ({
  digest,
  actor: "ada",
  reason: "ok",
  at: 10,
  ...(expiresAt !== undefined && { expiresAt }),
});

it("an approval holds until the moment it expires", () => {
  const approvals = [approval("a"), approval("b", 100)];
  expect(standing({ approvals }, 99)).toEqual(approvals);
  expect(standing({ approvals }, 100)).toEqual([approvals[0]]);
  expect(standing({}, 0)).toEqual([]);
});

it("a new one stands in place of an earlier one of the same plan, and those that expired go", () => {
  const state = { failures: 1, approvals: [approval("a"), approval("b", 10), approval("c", 11)] };
  const again = { ...approval("a"), actor: "bob" };
  expect(approved(state, again)).toEqual({ failures: 1, approvals: [approval("c", 11), again] });
});

it("one without a name, a reason, a plan or any time left is refused", () => {
  const refused = (message: string) => expect.objectContaining({ code: "INVALID", message });
  for (const field of ["digest", "actor", "reason"]) {
    expect(() => approved({}, { ...approval("a"), [field]: " " })).toThrow(refused(`approve: ${field} is empty`));
  }
  for (const expiresAt of [9, 10, Number.NaN]) {
    expect(() => approved({}, approval("a", expiresAt))).toThrow(refused("approve: expiresAt is not in the future"));
  }
  expect(approved({}, approval("a", 11)).approvals).toHaveLength(1);
});

it("one that is withdrawn goes, with those that expired; the last leaves nothing behind", () => {
  const state = { failures: 1, approvals: [approval("a"), approval("b"), approval("c", 5)] };
  expect(withdrawn(state, "a", 20)).toEqual({ failures: 1, approvals: [approval("b")] });
  expect(withdrawn({ failures: 1, approvals: [approval("a")] }, "a", 20)).toEqual({ failures: 1 });
  expect(() => withdrawn(state, "c", 20)).toThrow(
    expect.objectContaining({ code: "NOT_FOUND", message: "no approval of plan c holds" }),
  );
});
