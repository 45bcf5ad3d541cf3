/**
 * `node --import s2n-pkey/register server.js`: secures the servers that a program makes, without a change in the program.
 * Configured by the variables `S2N_PKEY_…` (docs/register.md). The program starts when the key is open; it does not start when a
 * setting is wrong. Processes that it starts inherit this, and start anyhow: there, servers do not listen.
 *
 * @module s2n-pkey/register
 */
import { S2nPkeyError } from '../errors.ts';
import { serverOptionsOf } from './server-options.ts';
import { isInherited, prepareChildren } from './child-processes.ts';
import { refuseOnListen, secureOnListen } from './secure-on-listen.ts';
import { checkNode } from '../tls/node/supported-node.ts';
import { hasSettings, readSettings } from './settings.ts';

// Node waits for the modules of --import before it starts the program: only here does this package await at the top.
try {
  checkNode();
  const settings = readSettings(process.env, process.cwd(), (message) => {
    // Once is enough, and a child's output may be read by its parent.
    if (!isInherited(process)) process.stderr.write(`s2n-pkey/register: warning: ${message}\n`);
  });
  secureOnListen(await serverOptionsOf(settings), new Set(settings.httpsPorts));
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
