// How the scripts run commands, say what they do, and stop.
import { spawn } from 'node:child_process';
import { createWriteStream, realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { root } from './checkout.mjs';

/** A reason to stop that the reader can act on. Its message is printed as it is, without a stack. */
export class Refusal extends Error {
  name = 'Refusal';
}

/** Says one line of progress. */
export function say(line) {
  console.log(`s2n-pkey: ${line}`);
}

/** Runs a script's work when the module at `url` is the one that was started, and sets the exit code. */
export async function runAsScript(url, work) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== realpathSync(fileURLToPath(url))) return;
  try {
    refuseOldNode();
    await work(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Refusal ? `s2n-pkey: ${error.message}` : error);
    process.exitCode = 1;
  }
}

/** The oldest Node that loads an ES module with `require`; package.json's `engines` says it too. */
function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Refusal(
    `this needs Node 20.19 or later, and ${process.execPath} is ${process.version}: install a newer one.`,
  );
}

/**
 * Runs a command in the checkout, with no standard input.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean | string, log?: string }} [options]
 *   `show`: its output goes straight to the terminal, or, where this is a text, line by line with the text before each;
 *   otherwise it is returned, and written to the file `log` if given
 * @returns {Promise<{ ok: boolean, code: number | null, signal: string | null, output: string, missing: boolean }>}
 *   `output` is standard output and standard error together; `missing` tells that there is no such command
 * @throws Refusal when this process was told to stop meanwhile
 */
export async function run(command, args, { cwd = root, env = process.env, show = false, log } = {}) {
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', ...(show === true ? ['inherit', 'inherit'] : ['pipe', 'pipe'])],
  });
  const file = log ? createWriteStream(log) : undefined;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    if (stream && typeof show === 'string') {
      createInterface({ input: stream }).on('line', (line) => console.log(show + line));
      continue;
    }
    stream?.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      file?.write(chunk);
    });
  }
  // Told to stop, this process stops the command first; then the caller tidies up on the Refusal's way out.
  let stoppedBy;
  const stop = (signal) => {
    stoppedBy = signal;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  const result = await new Promise((resolve, reject) => {
    child.on('error', (error) => {
      if (error.code === 'ENOENT') resolve({ ok: false, code: null, signal: null, missing: true });
      else reject(error);
    });
    child.on('close', (code, signal) => resolve({ ok: code === 0, code, signal, missing: false }));
  });
  for (const signal of signals) process.off(signal, stop);
  if (file) await finished(file.end());
  if (stoppedBy) throw new Refusal(`stopped by ${stoppedBy}.`);
  return { ...result, output };
}

/** The last lines of a command's output, for an error message. */
export function lastLines(output, count = 30) {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}
