import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { isOptionsObject } from '../options/option.ts';
import { peerPackageSync } from '../signers/peer-package.ts';
import { ConfigError } from './config-error.ts';

const requirePackage = createRequire(import.meta.url);

/** A file of settings is small; what is larger is another file. */
const largestFile = 1_048_576;

/** What the package `yaml` offers of itself here. */
interface Yaml {
  parseDocument(
    text: string,
    options: object,
  ): { errors: readonly { code: string; pos: readonly number[] }[]; toJS(options: object): unknown };
}

/**
 * The entries of a file of settings: YAML if its name ends in .yaml or .yml, otherwise JSON. Messages never repeat the file's text,
 * which may hold a secret.
 *
 * @throws ConfigError naming the file, and the line of what is wrong; S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` without `yaml`.
 */
export function readConfigFile(path: string): Readonly<Record<string, unknown>> {
  const text = readText(path);
  const entries = /^\.ya?ml$/i.test(extname(path)) ? parseYaml(text, path) : parseJson(text, path);
  if (isOptionsObject(entries)) {
    const settings: Record<string, unknown> = { ...entries };
    delete settings['$schema']; // of editors
    return settings;
  }
  throw new ConfigError(`${path}: expected an object of settings, such as { "cert": "cert.pem", … }`);
}

function readText(path: string): string {
  try {
    const found = statSync(path);
    if (!found.isFile()) throw new ConfigError(`${path} could not be read: it is not a file`);
    if (found.size <= largestFile) return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${path} could not be read: ${why}`, { cause });
  }
  throw new ConfigError(`${path} could not be read: a file of settings has at most ${largestFile} bytes`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [, position] = /position (\d+)/.exec(String(error)) ?? [];
    const where = position === undefined ? '' : `, line ${lineAt(text, Number(position))}`;
    throw new ConfigError(`${path} could not be read as JSON${where} (YAML files end in .yaml or .yml)`);
  }
}

function parseYaml(text: string, path: string): unknown {
  const document = loadYaml().parseDocument(text, { prettyErrors: false, uniqueKeys: true, version: '1.2' });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = lineAt(text, error.pos[0] ?? 0);
    throw new ConfigError(`${path} could not be read as YAML, line ${line}: ${error.code}`);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new ConfigError(`${path} could not be read as YAML: an alias is unknown, or there are too many`);
  }
}

function loadYaml(): Yaml {
  return peerPackageSync('yaml', 'a file of settings in YAML', () => requirePackage('yaml')) as Yaml;
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
