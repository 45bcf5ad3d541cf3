import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { addon } from '../../lib/native/addon.ts';
import { readPublicKey } from '../../lib/signers/public-key.ts';
import { signatureSchemeByName } from '../../lib/signers/signature-scheme.ts';
import { needs, newerNode } from '../fixtures/needs.ts';

export const levelNames = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const;
export type LevelName = (typeof levelNames)[number];

/** The only scheme of a level. */
export function schemeOf(level: LevelName): 'mldsa44' | 'mldsa65' | 'mldsa87' {
  return ({ 'ML-DSA-44': 'mldsa44', 'ML-DSA-65': 'mldsa65', 'ML-DSA-87': 'mldsa87' } as const)[level];
}

/** A new key as PEM: by AWS-LC, since Node 22 makes none. */
export function mlDsaPem(level: LevelName): string {
  const code = signatureSchemeByName(schemeOf(level))?.code ?? 0;
  const base64 = Buffer.from(addon().LocalKey.generateMlDsa(code)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}

function readsMlDsa(): boolean {
  try {
    readPublicKey(new (addon().LocalKey)(mlDsaPem('ML-DSA-44')).publicKey());
    return true;
  } catch {
    return false;
  }
}

/** Whether this Node reads ML-DSA keys; its OpenSSL is 3.5 or later then. */
export const nodeReadsMlDsa = readsMlDsa();

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

/** A `describe` that needs a Node with OpenSSL 3.5: elsewhere the whole file runs on Node 24, in a process of its own. */
export function describeMlDsa(url: string, title: string, body: () => void): void {
  if (nodeReadsMlDsa) {
    describe(title, body);
    return;
  }
  describe(title, () => {
    needs('node 24');
    it('passes on Node 24', () => {
      const { status, stdout, stderr } = spawnSync(
        newerNode,
        [mocha, '--exit', '--grep', title, fileURLToPath(url)],
        {
          encoding: 'utf8',
          timeout: 240_000,
        },
      );
      expect(status, stdout + stderr).to.equal(0);
      expect(stdout).to.match(/^ +\d+ passing/m);
    }).timeout(250_000);
  });
}
