import { resolve } from 'node:path';
import { backendOption } from '../config/backends.ts';
import { configSchema, loadConfigEntries, registerSchema } from '../config/config-schema.ts';
import { resolveFiles } from '../config/file-option.ts';
import { InvalidOptionError, S2nPkeyError } from '../errors.ts';
import { readOption, type Option, type OptionValues, type Schema } from '../options/option.ts';
import { editDistance } from '../options/edit-distance.ts';

/** Every setting, by its entry in a file of settings. The variable's name follows from it. */
const settingsSchema = { signer: backendOption, ...registerSchema } satisfies Schema;

/** What `s2n-pkey/register` was told, all of it checked. The key is one of `signer`, `keyId` and `localKey`. */
export type Settings = Partial<OptionValues<typeof settingsSchema>> & {
  /** File of the PEM certificate chain. */
  readonly cert: string;
  /** Ports on which plain `http` servers become https ones. */
  readonly httpsPorts: readonly number[];
};

/** A setting of `s2n-pkey/register` was refused; the program is not started. */
export class RegisterError extends S2nPkeyError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ERR_S2N_PKEY_REGISTER', message, options);
  }
}

/** A value where it was given. */
interface GivenValue {
  readonly value: unknown;
  /** The variable, or the entry. */
  readonly name: string;
  /** The file of settings that it is in. */
  readonly file: string | undefined;
}

/** What a variable says, as a file would: numbers, true and false, lists with commas, and JSON for what has options of its own. */
function valueOf(text: string, { type, members, items }: Option<unknown>, name: string): unknown {
  if (members !== undefined) {
    if (text.trim() === 'false') return false;
    try {
      return JSON.parse(text);
    } catch {
      throw new RegisterError(`${name}: expected JSON, as in a file of settings; given a text that is none`);
    }
  }
  if (items !== undefined) return text.split(',').map((part) => valueOf(part.trim(), items, name));
  if (type === 'number') return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

type Name = keyof typeof settingsSchema;

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
  `${prefix}DEVELOPMENT_FALLBACK`,
  `${prefix}SPIN_MICROSECONDS`,
  `${prefix}TURN_MICROSECONDS`,
  parentVariable,
]);
/** What Kubernetes sets in every pod for a Service whose name begins with s2n-pkey ("Service environment variables"). */
const ofKubernetes =
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;

/** The variable of each setting, by the setting's entry in a file. */
export const settingVariables: ReadonlyMap<string, string> = new Map(
  Object.keys(settingsSchema).map((name) => [name, variableOf(name)]),
);

/** Makes the paths in the variables absolute, so that they hold in any folder. */
export function resolveVariables(environment: NodeJS.ProcessEnv, folder: string): void {
  const config = environment[configVariable];
  if (config !== undefined && config !== '') environment[configVariable] = resolve(folder, config);
  for (const [name, variable] of settingVariables) {
    const text = environment[variable];
    if (text === undefined || !isName(name)) continue;
    const option = settingsSchema[name] as Option<unknown>;
    const value = valueOf(text, option, variable);
    const resolved = resolveFiles(settingsSchema, { [name]: value }, folder)[name];
    if (typeof resolved === 'string') environment[variable] = resolved;
    else if (option.members !== undefined && typeof resolved === 'object') {
      environment[variable] = JSON.stringify(resolved);
    }
  }
}

/** The files that the settings name, and the file of settings itself. */
export function filesOf(settings: Settings, environment: NodeJS.ProcessEnv): string[] {
  const { cert, localKey, ca, crl, ticketKeys, signer } = settings;
  const config = environment[configVariable];
  return [
    ...[config, cert, localKey, ca, crl, ticketKeys],
    ...[signer?.localKey?.file, signer?.localKey?.passphraseFile],
  ].filter((path): path is string => path !== undefined && path !== '');
}

/** Whether any variable is a setting. */
export function hasSettings(environment: NodeJS.ProcessEnv): boolean {
  return [configVariable, ...Object.keys(settingsSchema).map(variableOf)].some(
    (name) => environment[name] !== undefined,
  );
}

/** `handshakeTimeout`: `S2N_PKEY_HANDSHAKE_TIMEOUT`. */
function variableOf(name: string): string {
  return prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function isName(name: string): name is Name {
  return Object.hasOwn(settingsSchema, name);
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
  const given = new Map<Name, GivenValue>();
  const config = environment[configVariable];
  if (config !== undefined) readFile(resolve(folder, config), given);
  readVariables(environment, folder, given, warn);
  const settings: Record<string, unknown> = {};
  for (const [name, value] of given) settings[name] = readSetting(settingsSchema[name], value);
  return checkWhole(settings);
}

function readSetting(option: Option<unknown>, { name, value, file }: GivenValue): unknown {
  try {
    return readOption(name, option, value);
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    const where = file === undefined ? '' : ` (in ${file})`;
    throw new RegisterError(`${error.message}${where}`, { cause: error });
  }
}

function readVariables(
  environment: NodeJS.ProcessEnv,
  folder: string,
  given: Map<Name, GivenValue>,
  warn: (message: string) => void,
): void {
  const names = new Map(Object.keys(settingsSchema).map((name) => [variableOf(name), name]));
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
    const option = settingsSchema[name] as Option<unknown>;
    const said = valueOf(value ?? '', option, variable);
    const resolved = resolveFiles(settingsSchema, { [name]: said }, folder)[name];
    given.set(name, { name: variable, value: resolved, file: undefined });
  }
}

/** The name with the fewest letters to insert, delete or replace. */
function nearestOf(given: string, names: readonly string[]): string {
  const distances = new Map(names.map((name) => [name, editDistance(given, name)]));
  return names.reduce((best, name) =>
    (distances.get(name) ?? 0) < (distances.get(best) ?? 0) ? name : best,
  );
}

function readFile(path: string, given: Map<Name, GivenValue>): void {
  let entries: Record<string, unknown>;
  try {
    entries = loadConfigEntries(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegisterError(`${configVariable}: ${why}`, { cause });
  }
  for (const [name, value] of Object.entries(entries)) {
    if (isName(name)) {
      given.set(name, { name, value, file: path });
    } else if (name === 'service') {
      readSetting(configSchema.service, { name, value, file: path });
    } else {
      throw new RegisterError(
        `there is no setting ${name} (in ${path}); there are ${Object.keys(configSchema).join(', ')}`,
      );
    }
  }
}

function checkWhole(settings: Record<string, unknown>): Settings {
  const { cert, signer, keyId, localKey, localKeyPassphrase, region, endpoint, httpsPorts } =
    settings as Partial<Settings>;
  const { ticketKeys, fleetTicketKeys } = settings as Partial<Settings>;
  if (cert === undefined) {
    throw new RegisterError(`${variableOf('cert')} is missing: the file of the PEM certificate chain`);
  }
  const keys = [signer, keyId, localKey].filter((key) => key !== undefined);
  if (keys.length !== 1) {
    const which =
      keys.length === 0 ? 'one is missing' : keys.length === 2 ? 'both are given' : 'all are given';
    throw new RegisterError(
      `give either ${variableOf('keyId')}, a key in KMS, or ${variableOf('signer')}, any key store, or ` +
        `${variableOf('localKey')}, the file of a PEM key for development: ${which}`,
    );
  }
  if (localKey === undefined && localKeyPassphrase !== undefined) {
    throw new RegisterError(
      `${variableOf('localKeyPassphrase')} is for ${variableOf('localKey')}, which is not given`,
    );
  }
  if (ticketKeys !== undefined && fleetTicketKeys !== undefined) {
    const both = `${variableOf('ticketKeys')} and ${variableOf('fleetTicketKeys')}`;
    throw new RegisterError(`both ${both} are given: give keys of your own, or a source of them`);
  }
  if (keyId === undefined && (region ?? endpoint) !== undefined) {
    const one = variableOf(region === undefined ? 'endpoint' : 'region');
    throw new RegisterError(`${one} is for ${variableOf('keyId')}, which is not given`);
  }
  return { ...(settings as Partial<Settings>), cert, httpsPorts: httpsPorts ?? [] };
}
