import { configureGlobal } from "fast-check";

// Every mutant runs the properties again: fewer examples, and the same ones each time, so that a score can be repeated.
configureGlobal({ numRuns: 25, seed: 1 });
