/**
 * `node --import s2n-pkey/register server.js`: secures the servers that a program makes, without a change in the program.
 * Configured by the variables `S2N_PKEY_…` (docs/register.md). The program starts when the key is open; it does not start when a
 * setting is wrong. Processes that it starts inherit this, and start anyhow: there, servers do not listen.
 *
 * @module s2n-pkey/register
 */
import { isMainThread } from 'node:worker_threads';
import { S2nPkeyError } from '../errors.ts';
import { serverOptionsOf } from './server-options.ts';
import { isInherited, prepareChildren } from './child-processes.ts';
import { refuseOnListen, secureOnListen } from './secure-on-listen.ts';
import { checkNode } from '../tls/node/supported-node.ts';
import { Reloading } from './reloading.ts';
import { configVariable, hasSettings, readSettings, resolveVariables } from './settings.ts';

// Node waits for the modules of --import before it starts the program: only here does this package await at the top.
try {
  checkNode();
  const folder = process.cwd();
  const environment = { ...process.env };
  const settings = readSettings(environment, folder, (message) => {
    // Once is enough, and a child's output may be read by its parent.
    if (!isInherited(process)) process.stderr.write(`s2n-pkey/register: warning: ${message}\n`);
  });
  const options = await serverOptionsOf(settings);
  resolveVariables(environment, folder); // The program may change its folder.
  const reloading = new Reloading(
    () => readSettings(environment, folder, () => undefined),
    environment,
    settings,
    options,
  );
  const httpsPorts = new Set(settings.httpsPorts);
  secureOnListen(
    () => reloading.options,
    httpsPorts,
    (server) => {
      reloading.add(server);
    },
  );
  // Without a file, a terminal that closes still ends the program.
  if (isMainThread && environment[configVariable] !== undefined) {
    process.on('SIGHUP', () => void reloading.reload());
  }
  prepareChildren(process, import.meta.url);
} catch (error) {
  // The stack of an error that is not this package's helps its author.
  const why =
    error instanceof S2nPkeyError ? error.message : error instanceof Error ? error.stack : String(error);
  if (isInherited(process)) {
    const refusal = error instanceof Error ? error : new Error(String(error));
    refuseOnListen(refusal, hasSettings(process.env) ? 'unknown' : 'none');
  } else {
    process.stderr.write(`s2n-pkey/register: ${why ?? ''}\n`);
    process.exit(1);
  }
}
