import { describe, expect, it } from "vitest";
import { PacketReader, packetLine, packetText } from "./pkt-line.ts";
import { failure } from "./testing/failure.ts";

const reader = (text: string): PacketReader => new PacketReader(Buffer.from(text));

describe("packetLine", () => {
  it("counts bytes, its own four digits among them", () => {
    expect(packetLine("a\n")).toBe("0006a\n");
    expect(packetLine("ü")).toBe("0006ü");
    expect(packetLine("")).toBe("0004");
    expect(packetLine("x".repeat(300)).slice(0, 4)).toBe("0130");
  });

  it("takes the longest packet and refuses a longer one", () => {
    expect(packetLine("x".repeat(65516)).slice(0, 4)).toBe("fff0");
    expect(() => packetLine("x".repeat(65517))).toThrow(failure("INVALID", "a packet of 65521 bytes is over 65520"));
  });
});

describe("PacketReader", () => {
  it("reads lines and the packets without data", () => {
    const packets = reader("0006a\n0000000100020004");
    expect(String(packets.next())).toBe("a\n");
    expect(packets.next()).toBe("flush");
    expect(packets.next()).toBe("delimiter");
    expect(packets.next()).toBe("response-end");
    expect(packets.done).toBe(false);
    expect(String(packets.next())).toBe("");
    expect(packets.done).toBe(true);
  });

  it("gives everything up to a flush, and what follows it", () => {
    const packets = reader("0005a0005b0000rest");
    expect(packets.untilFlush().map(String)).toEqual(["a", "b"]);
    expect(packets.done).toBe(false);
    expect(packets.rest().toString()).toBe("rest");
  });

  it("is INCOMPLETE at every byte before the flush", () => {
    const whole = "0005a0006bc0000";
    for (let at = 0; at < whole.length; at++) {
      expect(() => reader(whole.slice(0, at)).untilFlush(), `cut at ${at}`).toThrow(
        expect.objectContaining({ code: "INCOMPLETE" }),
      );
    }
    expect(() => reader("0005a0006b").untilFlush()).toThrow(
      failure("INCOMPLETE", "the server's answer was cut short in a packet at byte 5"),
    );
  });

  it("refuses what is no length", () => {
    expect(() => reader("<html>").next()).toThrow(
      failure("INVALID", "the server's answer is no Git protocol at byte 0"),
    );
    expect(() => reader("0005a00g0").untilFlush()).toThrow(
      failure("INVALID", "the server's answer is no Git protocol at byte 5"),
    );
    expect(() => reader(" 005a").next()).toThrow(failure("INVALID", "no Git protocol"));
    expect(() => reader("0003").next()).toThrow(failure("INVALID", "a packet of length 3 at byte 0"));
  });

  it("reads upper case digits", () => {
    expect(String(reader("000Aabcdef").next())).toBe("abcdef");
  });
});

describe("packetText", () => {
  it("takes one line feed off", () => {
    expect(packetText(Buffer.from("a\n"))).toBe("a");
    expect(packetText(Buffer.from("a\n\n"))).toBe("a\n");
    expect(packetText(Buffer.from("a"))).toBe("a");
  });

  it("refuses a packet without data", () => {
    expect(() => packetText("flush")).toThrow(
      failure("INVALID", "the server sent a flush packet where a line was due"),
    );
  });
});
