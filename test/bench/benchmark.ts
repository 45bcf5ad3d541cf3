// The benchmark's own arithmetic, which is plain JavaScript, with types for its tests.

type Figures = Record<string, number>;
interface Summary {
  median: number;
  min: number;
  max: number;
}
interface Goal {
  scenario: string;
  contender: string;
  against?: string;
}
interface Outcome extends Goal {
  value: Summary;
  met: boolean;
}

/** A module of scripts/bench. */
const load = (name: string): Promise<unknown> =>
  import(new URL(`../../scripts/bench/${name}.mjs`, import.meta.url).href);

export const { evaluate, goals } = (await load('goals')) as {
  evaluate: (scenarios: object[]) => Outcome[];
  goals: Goal[];
};
export const { contenders } = (await load('contenders')) as { contenders: { name: string }[] };
export const { scenarios } = (await load('scenarios')) as {
  scenarios: { name: string; goal: boolean; contenders: string[] }[];
};
export const { pairedRatio, percentile, summaries, summary } = (await load('statistics')) as {
  pairedRatio: (rounds: Figures[], baseline: Figures[], figure: string) => Summary;
  percentile: (sorted: number[], share: number) => number;
  summaries: (rounds: Figures[]) => Record<string, Summary>;
  summary: (values: number[]) => Summary;
};
export const { readOutput, responseTimes } = (await load('h2load')) as {
  readOutput: (
    output: string,
    ok: boolean,
    contender: { name: string },
  ) => { units: number; elapsed: number; agreement: string };
  responseTimes: (log: string) => number[];
};
export const { plot } = (await load('plot')) as { plot: (results: object) => string };
export const { report } = (await load('report')) as { report: (results: object) => string };
export const { between, ratioTable } = (await load('publish')) as {
  between: (text: string, middle: string) => string;
  ratioTable: (results: object) => string;
};
export interface Comparison {
  readonly scenario: string;
  readonly contender: string;
  readonly figure: string;
  readonly ratio: Summary;
  readonly verdict: string;
}
export const { compare } = (await load('earlier-revision')) as {
  compare: (scenarios: object[]) => Comparison[];
};
