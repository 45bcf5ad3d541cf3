// The benchmark's command line.
import { parseArgs } from 'node:util';
import { Refusal } from '../command.mjs';

export const usage = `npm run bench -- [options]
  --all               every scenario; without it those that a goal looks at
  --scenarios NAMES   these, separated by commas; \`bulk*\` names all that begin so
  --contenders NAMES  these, separated by commas
  --compare REV       measure the package as it was at that commit beside it, in the same rounds (built once: minutes)
  --rust              compare with a server in Rust as well (cargo builds it: minutes)
  --seconds S         how long each contender is loaded in each round (1)
  --rounds N          how often every contender has its turn (5)
  --publish           write the results to docs/benchmark.txt, docs/benchmark.svg and the README
  --wrk               measure small requests with wrk once more, as a cross-check
  --cpu-prof          keep a V8 profile of every server's event loop beside the results (it costs, so discard the figures)
  --no-build          run what is built already
  --list              the names of scenarios and contenders
  --help`;

/**
 * @param {string[]} args
 * @param {{ scenarios: { name: string, goal: boolean }[], contenders: { name: string }[] }} known
 * @returns {{ help: boolean, list: boolean, build: boolean, profile: boolean, rust: boolean, compare?: string, publish: boolean, seconds: number, rounds: number,
 *   wrk: boolean, scenarios: string[], contenders: string[] }}
 * @throws Refusal that names the option
 */
export function parseOptions(args, known) {
  const values = parse(args);
  const usual = known.scenarios.filter(({ goal }) => values.all || goal);
  if (values.publish && values.compare !== undefined)
    throw new Refusal('--publish and --compare do not go together: what is published is of today alone.');
  const contenders = chosen('--contenders', values.contenders, known.contenders);
  return {
    help: values.help,
    list: values.list,
    build: !values['no-build'],
    profile: values['cpu-prof'],
    publish: values.publish,
    wrk: values.wrk,
    rust: values.rust,
    compare: values.compare,
    seconds: numberBetween('--seconds', values.seconds, 0.1, 600),
    rounds: Math.round(numberBetween('--rounds', values.rounds, 1, 1000)),
    scenarios: values.scenarios
      ? chosen('--scenarios', values.scenarios, known.scenarios)
      : usual.map(({ name }) => name),
    contenders: contenders.filter((name) => name !== 'rust' || values.rust),
  };
}

function parse(args) {
  const flag = { type: 'boolean', default: false };
  try {
    return parseArgs({
      args,
      options: {
        all: flag,
        scenarios: { type: 'string' },
        contenders: { type: 'string' },
        rust: flag,
        compare: { type: 'string' },
        seconds: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '5' },
        publish: flag,
        wrk: flag,
        'cpu-prof': flag,
        'no-build': flag,
        list: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${error.message}\n${usage}`);
  }
}

/** The names of those that were named; of all when nothing was. */
function chosen(option, text, all) {
  const names = all.map(({ name }) => name);
  if (text === undefined) return names;
  const wanted = text.split(',').map((name) => name.trim());
  const fits = (pattern, name) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  const unknown = wanted.filter((pattern) => !names.some((name) => fits(pattern, name)));
  if (unknown.length > 0)
    throw new Refusal(`${option}: there is no ${unknown.join(', ')}. Names: ${names.join(', ')}.`);
  return names.filter((name) => wanted.some((pattern) => fits(pattern, name)));
}

function numberBetween(option, text, lowest, highest) {
  const value = Number(text);
  if (text.trim() !== '' && value >= lowest && value <= highest) return value;
  throw new Refusal(`${option}: expected a number from ${lowest} to ${highest}, was given '${text}'.`);
}
