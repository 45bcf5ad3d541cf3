import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { addon } from '../native/addon.ts';
import { machineKind } from '../native/machine.ts';
import type { Command } from './command.ts';
import { packageRoot } from './package-root.ts';

const usage = `Usage: s2n-pkey build [--if-needed]

Builds the native addon on this machine, for kinds of machine that the package brings none for. The sources have come with the
package; what it takes beside (CMake, a C and a C++ compiler, Ninja or Make) it names, with the Debian packages that bring it.
It takes some minutes, and has to be done after each installation, such as in a script of your own package:

  "postinstall": "s2n-pkey build --if-needed"

  --if-needed  only where no addon loads
  --help
`;

export const buildCommand: Command = {
  name: 'build',
  summary: 'build the native addon from its sources, where the package brings none for the machine',
  run: runBuild,
};

async function runBuild(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  const isConditional = args.includes('--if-needed');
  if (isConditional && loads()) {
    process.stdout.write(`s2n-pkey: there is an addon that loads on ${machineKind()}: nothing to build.\n`);
    return;
  }
  const script = join(packageRoot, 'scripts', 'build', 'build-native.mjs');
  const options = args.filter((arg) => arg !== '--if-needed');
  const child = spawn(process.execPath, [script, ...options], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}

function loads(): boolean {
  try {
    addon();
    return true;
  } catch {
    return false;
  }
}
