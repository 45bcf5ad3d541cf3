// What this package is to reach, as ratios within one run, and whether it did.
import { twoCores } from './scenarios.mjs';
import { pairedRatio, summary } from './statistics.mjs';

const loop = 'loopMicroseconds';
const whole = 'processMicroseconds';

/** For each scenario what the event loop and the whole process may cost at most, against node:tls. */
const costs = [
  ['handshakes', 'local-key', 0.15, 0.6],
  ['handshakes', 'kms', 0.35, 0.8],
  ['requests', 'local-key', 0.6, 1.15],
  ['h2', 'local-key', 0.8, 1.0],
  ['requests-64k', 'local-key', 0.4, 1.0],
  ['h2-64k', 'local-key', 0.4, 1.0],
  ['requests-1m', 'local-key', 0.3, 0.9],
  ['bulk-down-64k', 'local-key', 0.3, 0.9],
  ['bulk-up-64k', 'local-key', 0.3, 0.9],
];

const ratio = (scenario, what, figure, limit, rest = {}) => ({
  scenario,
  what,
  figure,
  contender: 'local-key',
  against: 'node-tls',
  bound: 'most',
  limit,
  ...rest,
});

/**
 * `figure` of `contender` in `scenario`, divided by that of `against` (or as it is, without one), is at `most` or at `least` `limit`.
 * `unit` of a figure that is no ratio: what it is divided by to be shown.
 */
export const goals = [
  ...costs.flatMap(([scenario, contender, ofLoop, ofProcess]) => [
    ratio(scenario, "event loop's CPU", loop, ofLoop, { contender }),
    ratio(scenario, "process's CPU", whole, ofProcess, { contender }),
  ]),
  ratio('handshakes', "process's CPU", whole, 1.4, { against: 'limit' }),
  ratio('handshakes', "process's CPU", whole, 1.25, { contender: 'kms', against: 'rust' }),
  ratio('sign-10ms-64', "added to the KMS's latency, p99, µs", 'addedP99Microseconds', 2_000, {
    contender: 'kms',
    against: undefined,
  }),
  ratio('idle-1000', 'memory of its own', 'ownBytes', 0.5),
  ratio('idle-1000', "memory, kernel's included", 'allBytes', 0.8),
  ratio('storm', "event loop's delay, p99", 'delayP99Microseconds', 0.1),
  ratio('storm-two-cores', 'kept-alive latency, p99', 'latencyP99Microseconds', 0.5),
  ratio('unloaded', 'latency, p50', 'latencyP50Microseconds', 1.1),
  ...twoCores.map(({ name }) => ratio(name, 'throughput', 'perSecond', 1.0, { bound: 'least' })),
];

/**
 * @param {object[]} scenarios of results.json
 * @returns {object[]} the goals whose contenders were measured, with `value` (median, min, max over the rounds) and `met`
 */
export function evaluate(scenarios) {
  return goals.flatMap((goal) => {
    const scenario = scenarios.find(({ name }) => name === goal.scenario);
    const roundsOf = (name) => scenario?.contenders.find((one) => one.name === name)?.rounds;
    const rounds = roundsOf(goal.contender);
    const baseline = roundsOf(goal.against);
    if (!rounds || (goal.against && !baseline)) return [];
    const value = goal.against
      ? pairedRatio(rounds, baseline, goal.figure)
      : summary(rounds.map((round) => round[goal.figure]));
    const met = goal.bound === 'most' ? value.median <= goal.limit : value.median >= goal.limit;
    return [{ ...goal, title: scenario.title, value, met }];
  });
}
