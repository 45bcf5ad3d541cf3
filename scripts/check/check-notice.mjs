// NOTICE names the versions that the locks pin, and repeats what AWS-LC's own LICENSE says of the code compiled into it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { reportFindings } from './report-findings.mjs';
import { lockedCrates, sourcesFolder } from '../build/vendored-sources.mjs';

/** What follows in AWS-LC's LICENSE, and after it the licences' texts, is not about what is linked in. */
const END_OF_COMPILED_PARTS = /=+\nThird-Party Libraries \(NOT compiled/;

/** @returns {string[]} one line for each thing that is wrong */
export function noticeFindings() {
  const notice = readFileSync(inCheckout('NOTICE'), 'utf8');
  const findings = [];
  for (const [component, version] of linkedVersions()) {
    const stated = new RegExp(`^ +${component} +(\\S+)`, 'm').exec(notice)?.[1];
    if (stated !== version) {
      findings.push(`NOTICE states ${component} ${stated ?? '(not at all)'}; the lock has ${version}`);
    }
  }
  const license = join(sourcesFolder, `aws-lc-sys-${crateVersion('aws-lc-sys')}`, 'aws-lc', 'LICENSE');
  if (existsSync(license)) {
    const [compiledParts] = readFileSync(license, 'utf8').split(END_OF_COMPILED_PARTS);
    if (!notice.includes(compiledParts.trim())) {
      findings.push(`NOTICE does not repeat the part of ${license} before "NOT compiled into libcrypto"`);
    }
  }
  return findings;
}

function linkedVersions() {
  const npm = JSON.parse(readFileSync(inCheckout('package-lock.json'), 'utf8'));
  return [
    ['s2n-tls-sys', crateVersion('s2n-tls-sys')],
    ['aws-lc-sys', crateVersion('aws-lc-sys')],
    ['node-addon-api', npm.packages['node_modules/node-addon-api']?.version],
  ];
}

function crateVersion(name) {
  return lockedCrates().find((crate) => crate.name === name)?.version;
}

await reportFindings(import.meta.url, noticeFindings);
