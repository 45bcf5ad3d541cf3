import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { addon } from '../native/addon.ts';
import { refuseOtherPlatforms } from '../native/other-platforms.ts';
import { machineKind } from '../native/machine.ts';
import type { Command } from './command.ts';
import { packageRoot } from './package-root.ts';

const usage = `Usage: s2n-pkey build [--if-needed]

Builds the native addon from the sources in the package, on platforms for which the package has no
prebuilt addon. It takes some minutes. If a build tool is missing (CMake, a C and a C++ compiler,
Ninja or Make), the error names the Debian package that provides it.

Run it after each installation, for example in a script of your own package.json:

  "postinstall": "s2n-pkey build --if-needed"

  --if-needed  build only if no addon loads
  --help       print this text
`;

export const buildCommand: Command = {
  name: 'build',
  summary: 'build the native addon from source, on platforms without a prebuilt one',
  run: runBuild,
};

async function runBuild(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  refuseOtherPlatforms();
  const isConditional = args.includes('--if-needed');
  if (isConditional && loads()) {
    process.stdout.write(`s2n-pkey: an addon already loads on ${machineKind()}: nothing to build.\n`);
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
