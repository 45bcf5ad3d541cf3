// `npm run lint`: everything about the sources that a machine can judge. `npm run format` (lint --fix) repairs what can be.
// All checks run, whatever the ones before found; the exit code is 1 if any found something.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildTypeScript } from '../build/build-ts.mjs';
import { dependencyFindings } from './check-dependencies.mjs';
import { lengthFindings } from './check-file-lengths.mjs';
import { noticeFindings } from './check-notice.mjs';
import { inCheckout, installedPackage } from '../checkout.mjs';
import { Refusal, run, runAsScript, say } from '../command.mjs';
import { oneAtATime } from '../build/one-at-a-time.mjs';
import { findCommand } from '../build/requirements.mjs';
import { sourceFiles } from './source-files.mjs';

/** The release whose opinion of the C++ counts: others lay out the same code differently. It is Debian 12's. */
const CLANG_FORMAT = 14;

/** Names of the checks, and what runs them: resolves to findings, one line each, empty when all is right. */
const checks = (fix) => ({
  ESLint: () => npmTool('eslint', 'bin/eslint.js', ['.', ...(fix ? ['--fix'] : [])]),
  Prettier: () =>
    npmTool('prettier', 'bin/prettier.cjs', ['.', '--log-level', 'warn', fix ? '--write' : '--check']),
  'clang-format': () => clangFormat(fix),
  TypeScript: () => npmTool('typescript', 'bin/tsc', ['--noEmit', '-p', 'tsconfig.json']),
  dependencies: dependencyFindings,
  'file lengths': lengthFindings,
  NOTICE: noticeFindings,
});

/** What a check finds; that it cannot be made here is a finding too. */
async function found(check) {
  try {
    return await check();
  } catch (error) {
    if (error instanceof Refusal) return [error.message];
    throw error;
  }
}

async function npmTool(name, executable, args) {
  const folder = installedPackage(name);
  if (!folder) throw new Refusal(`${name} is not installed: run \`npm ci\`.`);
  const { ok, output } = await run(process.execPath, [join(folder, executable), ...args]);
  return ok ? [] : [output.trimEnd()];
}

async function clangFormat(fix) {
  const files = ['binding', 'test/binding', 'test/fuzz']
    .flatMap(sourceFiles)
    .filter((file) => /\.(cc|c|h)$/.test(file));
  const command = await clangFormatCommand();
  const { ok, output } = await run(command, fix ? ['-i', ...files] : ['--dry-run', '-Werror', ...files]);
  if (ok) return [];
  const places = [...output.matchAll(/^(.+?):\d+:\d+: error: code should be clang-formatted/gm)].map(
    ([, file]) => file,
  );
  if (places.length === 0) return [output.trimEnd()];
  return [...new Set(places)].map(
    (file) =>
      `${file}: ${places.filter((one) => one === file).length} places to lay out (\`npm run format\` does it)`,
  );
}

async function clangFormatCommand() {
  const command = findCommand(`clang-format-${CLANG_FORMAT}`, 'clang-format');
  const install = `\`apt-get install clang-format-${CLANG_FORMAT}\` brings it`;
  if (!command)
    throw new Refusal(`clang-format ${CLANG_FORMAT} is missing, and the C++ cannot be checked: ${install}.`);
  const { output } = await run(command, ['--version']);
  const version = /version (\d+)/.exec(output)?.[1];
  if (Number(version) !== CLANG_FORMAT) {
    throw new Refusal(
      `the C++ is laid out by clang-format ${CLANG_FORMAT}, and ${command} is ${version}, which would lay it out differently: ${install}.`,
    );
  }
  return command;
}

await runAsScript(import.meta.url, async (args) => {
  const unknown = args.find((arg) => arg !== '--fix');
  if (unknown) throw new Refusal(`lint knows the option --fix, and not ${unknown}.`);
  if (!existsSync(inCheckout('node_modules')))
    throw new Refusal('the linters are not installed: run `npm ci`.');
  // A consumer of the package is among the sources (scripts/package/check/), and its types are those of dist/.
  await oneAtATime(buildTypeScript);
  const failed = [];
  for (const [name, check] of Object.entries(checks(args.includes('--fix')))) {
    const findings = await found(check);
    say(`${name}: ${findings.length > 0 ? 'found this' : 'nothing to say'}`);
    for (const finding of findings) console.log(finding);
    if (findings.length > 0) failed.push(name);
  }
  if (failed.length > 0) {
    throw new Refusal(`lint failed: ${failed.join(', ')} (\`npm run format\` repairs what a machine can).`);
  }
});
