import { resolve } from 'node:path';
import { configSchema, loadConfigEntries, readConfig } from '../config/config-schema.ts';
import { jsonSchemaOf } from '../config/json-schema.ts';
import { S2nPkeyError } from '../errors.ts';
import type { Command } from './command.ts';

const usage = `Usage: s2n-pkey config check FILE
       s2n-pkey config schema

check reads a file of settings, in JSON or YAML, of s2n-pkey/register and of s2n-pkey signer, and says what is wrong with it. It
opens no key, and reads no other file.
schema prints the JSON Schema of such files, with which editors complete and check them.
`;

export const configCommand: Command = {
  name: 'config',
  summary: 'check a file of settings, or print its JSON Schema',
  run(args) {
    runConfig(args);
    return Promise.resolve();
  },
};

/** The title of the JSON Schema. */
export const schemaTitle = 'Settings of s2n-pkey/register and s2n-pkey signer';

function runConfig([action, path, ...rest]: readonly string[]): void {
  if (action === '--help' || action === '-h') {
    process.stdout.write(usage);
  } else if (action === 'schema' && path === undefined) {
    process.stdout.write(`${JSON.stringify(jsonSchemaOf(schemaTitle, configSchema), undefined, 2)}\n`);
  } else if (action === 'check' && path !== undefined && rest.length === 0) {
    check(resolve(path));
  } else {
    process.stderr.write(`s2n-pkey config: expected check FILE, or schema.\n\n${usage}`);
    process.exitCode = 2;
  }
}

function check(path: string): void {
  try {
    const settings = readConfig(loadConfigEntries(path));
    const names = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    process.stdout.write(`${path} is right: it has ${names.join(', ') || 'no settings'}\n`);
  } catch (error) {
    if (!(error instanceof S2nPkeyError)) throw error;
    const where = error.message.includes(path) ? '' : `${path}: `;
    process.stderr.write(`s2n-pkey config: ${where}${error.message}\n`);
    process.exitCode = 1;
  }
}
