#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCommand } from './build.ts';
import { certificatesCommand } from './certificates.ts';
import type { Command } from './command.ts';
import { configCommand } from './config.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { keysCommand } from './keys.ts';
import { localKmsCommand } from './local-kms.ts';
import { packageRoot } from './package-root.ts';
import { signerCommand } from './signer.ts';

const commands: readonly Command[] = [
  demoCommand,
  doctorCommand,
  keysCommand,
  certificatesCommand,
  localKmsCommand,
  signerCommand,
  configCommand,
  buildCommand,
];

function usage(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: s2n-pkey <command> [options]\n\nCommands:\n${lines.join('\n')}\n\ns2n-pkey <command> --help lists the options of a command. s2n-pkey --version prints the version.\n`;
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

function main([name, ...args]: readonly string[]): void {
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) {
    void command.run(args);
    return;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage());
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  const problem = name === undefined ? 'a command is missing' : `there is no command '${name}'`;
  process.stderr.write(`s2n-pkey: ${problem}.\n\n${usage()}`);
  process.exitCode = 2;
}

main(process.argv.slice(2));
