// The benchmark's command line.
import { parseArgs } from 'node:util';
import { Refusal } from '../command.mjs';

export const usage = `npm run bench -- [options]
  --seconds S    how long each contender is loaded in each round (2)
  --rounds N     how often every contender has its turn (5)
  --only NAMES   only these scenarios or contenders, separated by commas
  --wrk          measure small requests with wrk once more, as a cross-check
  --cpu-prof     keep a V8 profile of every server's event loop beside the results (it costs, so discard the figures)
  --no-build     run what is built already
  --help`;

/**
 * @param {string[]} args
 * @param {{ scenarios: string[], contenders: string[] }} known names that --only can choose from
 * @returns {{ help: boolean, build: boolean, profile: boolean, seconds: number, rounds: number, wrk: boolean, scenarios: string[], contenders: string[] }}
 * @throws Refusal that names the option
 */
export function parseOptions(args, known) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string', default: '2' },
        rounds: { type: 'string', default: '5' },
        only: { type: 'string' },
        wrk: { type: 'boolean', default: false },
        'cpu-prof': { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new Refusal(`${error.message}\n${usage}`);
  }
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.filter((name) => ![...known.scenarios, ...known.contenders].includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new Refusal(
      `--only: there is no ${unknown.join(', ')}. Scenarios: ${known.scenarios.join(', ')}. ` +
        `Contenders: ${known.contenders.join(', ')}.`,
    );
  }
  return {
    help: values.help,
    build: !values['no-build'],
    profile: values['cpu-prof'],
    wrk: values.wrk,
    seconds: numberBetween('--seconds', values.seconds, 0.1, 600),
    rounds: Math.round(numberBetween('--rounds', values.rounds, 1, 1000)),
    scenarios: chosen(known.scenarios, only),
    contenders: chosen(known.contenders, only),
  };
}

/** Those that were named; all of them when none of this kind was. */
function chosen(names, only = []) {
  const some = names.filter((name) => only.includes(name));
  return some.length > 0 ? some : names;
}

function numberBetween(option, text, lowest, highest) {
  const value = Number(text);
  if (text.trim() !== '' && value >= lowest && value <= highest) return value;
  throw new Refusal(`${option}: expected a number from ${lowest} to ${highest}, was given '${text}'.`);
}
