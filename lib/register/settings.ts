import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describeOption, S2nPkeyError } from '../errors.ts';

/** What `s2n-pkey/register` was told, all of it checked. */
export interface Settings {
  /** File of the PEM certificate chain. */
  readonly cert: string;
  /** A key in KMS: its ARN, id or alias. Absent: `localKey` is there. */
  readonly keyId?: string;
  readonly region?: string;
  readonly endpoint?: string;
  /** File of a PEM private key, for development. */
  readonly localKey?: string;
  readonly localKeyPassphrase?: string;
  /** Ports on which plain `http` servers become https ones. */
  readonly httpsPorts: readonly number[];
  readonly securityPolicy?: string;
  /** Milliseconds. */
  readonly handshakeTimeout?: number;
}

/** A setting of `s2n-pkey/register` was refused; the program is not started. */
export class RegisterError extends S2nPkeyError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ERR_S2N_PKEY_REGISTER', message, options);
  }
}

/** A value where it was given. */
interface Given {
  readonly value: unknown;
  /** The variable, or the entry and its file. */
  readonly name: string;
  /** What relative paths are relative to. */
  readonly folder: string;
}

type Read<T> = (given: Given) => T;

const text: Read<string> = ({ name, value }) => {
  if (typeof value === 'string' && value !== '') return value;
  throw expected(name, 'text', 'a text that is not empty', value);
};
const file: Read<string> = (given) => resolve(given.folder, text(given));
const milliseconds: Read<number> = ({ name, value }) => {
  const number = Number(typeof value === 'string' ? value.trim() || NaN : value);
  if (Number.isInteger(number) && number >= 1 && number < 2 ** 31) return number;
  throw expected(name, 'handshakeTimeout', `a whole number of milliseconds from 1 to ${2 ** 31 - 1}`, value);
};
const ports: Read<readonly number[]> = ({ name, value }) => {
  const list: unknown[] =
    typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
  return list.map((one) => {
    const port = Number(typeof one === 'string' ? one.trim() || NaN : one);
    if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
    throw expected(name, 'port', 'port numbers from 1 to 65535, separated by commas', value);
  });
};

/** Every setting: its entry in a file of settings, and how it is read. The variable's name follows from the entry's. */
const readers = {
  cert: file,
  keyId: text,
  region: text,
  endpoint: text,
  localKey: file,
  localKeyPassphrase: text,
  httpsPorts: ports,
  securityPolicy: text,
  handshakeTimeout: milliseconds,
} satisfies { [K in keyof Settings]-?: Read<NonNullable<Settings[K]>> };

type Name = keyof typeof readers;

const prefix = 'S2N_PKEY_';
/** Names a file of settings. */
export const configVariable = `${prefix}CONFIG`;
/** Set by `s2n-pkey/register` for the processes that the program starts. */
export const parentVariable = `${prefix}REGISTER_PARENT`;
/** Variables that other parts of this package read; test/docs/variables.test.ts keeps the list complete. */
const elsewhere = new Set([
  `${prefix}ADDON`,
  `${prefix}BATCH_THREADS`,
  `${prefix}EVENT_BATCH_MICROSECONDS`,
  `${prefix}KEEP_FREED_MEMORY`,
  `${prefix}LOCAL_KMS_CONTROL_TOKEN`,
  `${prefix}PKCS11_PIN`,
  `${prefix}SPIN_MICROSECONDS`,
  `${prefix}TURN_MICROSECONDS`,
  parentVariable,
]);
/** What Kubernetes sets in every pod for a Service whose name begins with s2n-pkey ("Service environment variables"). */
const ofKubernetes =
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;

/** The variable of each setting, by the setting's entry in a file. */
export const settingVariables: ReadonlyMap<string, string> = new Map(
  Object.keys(readers).map((name) => [name, variableOf(name)]),
);

/** The settings whose values are paths. */
export const fileVariables = [configVariable, variableOf('cert'), variableOf('localKey')] as const;

/** Whether any variable is a setting. */
export function hasSettings(environment: NodeJS.ProcessEnv): boolean {
  return [configVariable, ...Object.keys(readers).map(variableOf)].some(
    (name) => environment[name] !== undefined,
  );
}

/** `handshakeTimeout`: `S2N_PKEY_HANDSHAKE_TIMEOUT`. */
function variableOf(name: string): string {
  return prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function isName(name: string): name is Name {
  return Object.hasOwn(readers, name);
}

/**
 * Reads the variables `S2N_PKEY_…`, and the file that `S2N_PKEY_CONFIG` names; a variable holds over the file's entry. A variable that
 * is no setting is told to `warn`, and ignored: others set such variables, too.
 *
 * @throws RegisterError, naming the setting.
 */
export function readSettings(
  environment: NodeJS.ProcessEnv,
  folder: string,
  warn: (message: string) => void = (message) => {
    process.emitWarning(message);
  },
): Settings {
  const given = new Map<Name, Given>();
  const config = environment[configVariable];
  if (config !== undefined) readFile(resolve(folder, config), given);
  readVariables(environment, folder, given, warn);
  const settings: Record<string, unknown> = {};
  for (const [name, value] of given) settings[name] = readers[name](value);
  return checkWhole(settings);
}

function readVariables(
  environment: NodeJS.ProcessEnv,
  folder: string,
  given: Map<Name, Given>,
  warn: (message: string) => void,
): void {
  const names = new Map(Object.keys(readers).map((name) => [variableOf(name), name]));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || variable === configVariable || elsewhere.has(variable)) continue;
    if (variable.startsWith(`${prefix}TEST_`)) continue;
    const name = names.get(variable);
    if (name === undefined || !isName(name)) {
      if (ofKubernetes.test(variable)) continue;
      const nearest = nearestOf(variable, [configVariable, ...names.keys()]);
      warn(`there is no setting ${variable}: it is ignored. The nearest name is ${nearest}`);
      continue;
    }
    given.set(name, { name: variable, value, folder });
  }
}

/** The name with the fewest letters to insert, delete or replace. */
function nearestOf(given: string, names: readonly string[]): string {
  const distances = new Map(names.map((name) => [name, distance(given, name)]));
  return names.reduce((best, name) =>
    (distances.get(name) ?? 0) < (distances.get(best) ?? 0) ? name : best,
  );
}

function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let above = 0; above < from.length; above++) {
    const next = [above + 1];
    for (let left = 0; left < to.length; left++) {
      const replaced = (row[left] ?? 0) + (from[above] === to[left] ? 0 : 1);
      next.push(Math.min(replaced, (row[left + 1] ?? 0) + 1, (next[left] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function readFile(path: string, given: Map<Name, Given>): void {
  let entries: unknown;
  try {
    entries = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegisterError(`${configVariable}: ${path} could not be read as JSON: ${why}`, { cause });
  }
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw new RegisterError(
      `${configVariable}: expected an object in ${path}, such as { "cert": "cert.pem", … }`,
    );
  }
  for (const [name, value] of Object.entries(entries)) {
    if (!isName(name)) {
      throw new RegisterError(
        `there is no setting ${name} (in ${path}); there are ${Object.keys(readers).join(', ')}`,
      );
    }
    given.set(name, { name: `${name} (in ${path})`, value, folder: dirname(path) });
  }
}

function checkWhole(settings: Partial<Settings>): Settings {
  const { cert, keyId, localKey, localKeyPassphrase, region, endpoint, httpsPorts = [] } = settings;
  if (cert === undefined) {
    throw new RegisterError(`${variableOf('cert')} is missing: the file of the PEM certificate chain`);
  }
  if ((keyId === undefined) === (localKey === undefined)) {
    const which = keyId === undefined ? 'one is missing' : 'both are given';
    throw new RegisterError(
      `give either ${variableOf('keyId')}, a key in KMS, or ${variableOf('localKey')}, the file of a PEM key for development: ${which}`,
    );
  }
  if (localKey === undefined && localKeyPassphrase !== undefined) {
    throw new RegisterError(
      `${variableOf('localKeyPassphrase')} is for ${variableOf('localKey')}, which is not given`,
    );
  }
  if (keyId === undefined && (region ?? endpoint) !== undefined) {
    const one = variableOf(region === undefined ? 'endpoint' : 'region');
    throw new RegisterError(`${one} is for ${variableOf('keyId')}, which is not given`);
  }
  return { ...settings, cert, httpsPorts };
}

function expected(name: string, option: string, what: string, value: unknown): RegisterError {
  return new RegisterError(`${name}: expected ${what}; given ${describeOption(option, value)}`);
}
