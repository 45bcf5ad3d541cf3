import { Given, InvalidOptionError } from '../errors.ts';

/** What tunes the engine, read once from the environment: see "Tuning" in docs/limits.md. */
export interface Scheduling {
  readonly batchThreads: boolean;
  /** In microseconds, as those below. */
  readonly spin: number;
  readonly eventBatch: number;
  readonly turn: number;
  readonly keepFreedMemory: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Throws an `InvalidOptionError` that names the variable. */
export function readScheduling(variables: Variables): Scheduling {
  return {
    batchThreads: readSwitch(variables, 'S2N_PKEY_BATCH_THREADS', true),
    spin: readMicroseconds(variables, 'S2N_PKEY_SPIN_MICROSECONDS', 30, 0, 1000),
    eventBatch: readMicroseconds(variables, 'S2N_PKEY_EVENT_BATCH_MICROSECONDS', 500, 0, 100_000),
    turn: readMicroseconds(variables, 'S2N_PKEY_TURN_MICROSECONDS', 2000, 100, 1_000_000),
    keepFreedMemory: readSwitch(variables, 'S2N_PKEY_KEEP_FREED_MEMORY', false),
  };
}

function readSwitch(variables: Variables, name: string, otherwise: boolean): boolean {
  const given = variables[name];
  if (given === undefined || given === '') return otherwise;
  if (given === '1') return true;
  if (given === '0') return false;
  throw new InvalidOptionError(name, '0 or 1 in the environment', shown(given));
}

function readMicroseconds(
  variables: Variables,
  name: string,
  otherwise: number,
  lowest: number,
  highest: number,
): number {
  const given = variables[name];
  if (given === undefined || given === '') return otherwise;
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= lowest && value <= highest) return value;
  throw new InvalidOptionError(
    name,
    `a whole number of microseconds from ${lowest} to ${highest} in the environment`,
    shown(given),
  );
}

function shown(given: string): Given {
  return new Given(`'${given.slice(0, 40)}'`);
}
