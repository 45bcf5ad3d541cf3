// Are the npm packages that package-lock.json names installed?
import { existsSync, readFileSync } from 'node:fs';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';

/** Whether node_modules holds what package-lock.json names, by npm's own record of what it installed. */
export function npmPackagesAreInstalled() {
  const record = inCheckout('node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = packagesOf(inCheckout('package-lock.json'));
  const installed = packagesOf(record);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    return installed[path] ? installed[path].version === version : optional === true;
  });
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

/** `npm ci`. */
export async function installNpmPackages() {
  say('installing npm packages (npm ci) ...');
  const { ok, missing, output } = await run('npm', ['ci', '--no-fund', '--no-audit']);
  if (missing)
    throw new Refusal(
      'npm is needed to install packages: it comes with Node (in Debian, with the package `npm`).',
    );
  if (ok) return;
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|network/.test(output)) {
    throw new Refusal(
      'the npm packages could not be installed, since this machine does not reach the npm registry: connect it, or name a ' +
        `mirror with \`npm config set registry\` (npm: ${/npm error (?:network )?(.*)$/m.exec(output)?.[1] ?? ''}).`,
    );
  }
  // npm's usage follows its reasons, and says nothing.
  throw new Refusal(
    `\`npm ci\` failed:\n${lastLines(output.split(/^npm error Clean install a project/m)[0])}`,
  );
}
