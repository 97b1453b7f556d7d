// How the demo looks. Colour where the terminal has it.
import { styleText } from "node:util";
import { formatPlan } from "@trueup/diff";
import type { HistoryEntry, Plan } from "@trueup/spec";
import type { Demo } from "./demo.ts";

type Style = Parameters<typeof styleText>[0];
const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout });
const color = (): boolean => paint("bold", "x") !== "x";
const print = (text: string): void => console.log(text);
const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "   ");

export const say = {
  title(live: string, repository: string): void {
    print(`\n${paint("bold", "TrueUp")}  keeps what runs true to what Git says\n`);
    print(`   Git   ${paint("cyan", repository)}`);
    print(`   live  ${paint("cyan", live)}`);
  },
  step(number: number, title: string, by: string): void {
    print(`\n${paint("bold", `${number}  ${title}`)}  ${paint("dim", by)}\n`);
  },
  plan(plan: Plan): void {
    print(indent(formatPlan(plan, { color: color() }).trimEnd()));
  },
  text(text: string): void {
    print(indent(text));
  },
  error(text: string): void {
    print(indent(paint("red", text)));
  },
  check(ok: boolean, what: string): void {
    print(`   ${ok ? paint("green", "✔") : paint("red", "✘")} ${what}`);
  },
  history(entries: readonly HistoryEntry[]): void {
    for (const { revision, outcome, author, message, changes, trigger, startedAt, finishedAt } of entries) {
      const mark = outcome === "succeeded" ? paint("green", outcome.padEnd(9)) : paint("red", outcome.padEnd(9));
      const title = trigger === "drift" ? paint("dim", "(healed)") : ((message ?? "").split("\n")[0] ?? "");
      const count = changes.length === 1 ? "1 change" : `${changes.length} changes`;
      print(
        `   ${paint("yellow", (revision?.id ?? "").slice(0, 7))}  ${mark}  ${count.padEnd(9)}  ${`${finishedAt - startedAt} ms`.padStart(6)}  ${(author?.name ?? "").padEnd(4)}  ${title}`,
      );
    }
  },
  end(passed: boolean, ms: number): void {
    const text = passed ? "Every step was checked to be true." : "Something was not as it should be.";
    print(
      `\n${paint(passed ? ["green", "bold"] : ["red", "bold"], text)} ${paint("dim", `${(ms / 1_000).toFixed(1)} s`)}\n`,
    );
  },
  keep({ live, repository: { path } }: Demo): void {
    print("It goes on running. Try, in another terminal:\n");
    print(
      indent(
        `cd ${path}\n\nedit deploy/web.yaml, then: git commit -am "Change it"\nor edit the live system:   ${live.edit}\n`,
      ),
    );
    print("Ctrl-C ends it and removes both.\n");
  },
};
