// The soak's command line.
import { parseArgs } from 'node:util';
import { Refusal } from '../command.mjs';

export const usage = `npm run soak -- [options]
  --minutes N      how long traffic runs (60); parts of a minute may be asked for
  --connections N  how many the load keeps busy at once (24)
  --no-build       run what is built already
  --fault NAMES    break the server on purpose, to see the soak find it: descriptors, memory, accounting
  --help`;

const faults = ['descriptors', 'memory', 'accounting'];

/**
 * @param {string[]} args
 * @returns {{ help: boolean, build: boolean, minutes: number, connections: number, faults: string[] }}
 * @throws Refusal that names the option
 */
export function parseOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        minutes: { type: 'string', default: '60' },
        connections: { type: 'string', default: '24' },
        'no-build': { type: 'boolean', default: false },
        fault: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new Refusal(`${error.message}\n${usage}`);
  }
  const chosen = values.fault.split(',').filter((name) => name !== '');
  const unknown = chosen.filter((name) => !faults.includes(name));
  if (unknown.length > 0)
    throw new Refusal(`--fault: there is no ${unknown.join()}; there are ${faults.join(', ')}.`);
  return {
    help: values.help,
    build: !values['no-build'],
    minutes: numberBetween('--minutes', values.minutes, 0.05, 7 * 24 * 60),
    connections: Math.round(numberBetween('--connections', values.connections, 1, 1000)),
    faults: chosen,
  };
}

function numberBetween(option, text, lowest, highest) {
  const value = Number(text);
  if (text.trim() !== '' && value >= lowest && value <= highest) return value;
  throw new Refusal(`${option}: expected a number from ${lowest} to ${highest}, was given '${text}'.`);
}
