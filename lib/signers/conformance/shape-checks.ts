import { types } from 'node:util';
import type { KeyObject } from 'node:crypto';
import { describeValue } from '../../errors.ts';
import { mlDsaNamed } from '../ml-dsa.ts';
import { kindOfKey } from '../schemes-of-key.ts';
import type { SignatureSchemeFacts } from '../signature-scheme.ts';
import { schemesOf } from './asked.ts';
import type { Check } from './check.ts';
import { ConformanceError } from './conformance-error.ts';

export const shapeChecks: readonly Check[] = [
  {
    name: 'has a publicKey that is a public KeyObject, and a sign method',
    run: async (signer) => {
      if (!types.isKeyObject(signer.publicKey) || signer.publicKey.type !== 'public') {
        throw new ConformanceError(
          `publicKey must be a crypto.KeyObject of type 'public', as createPublicKey gives it; it is ${describeValue(signer.publicKey)}`,
        );
      }
      if (typeof signer.sign !== 'function') throw new ConformanceError('sign must be a method');
    },
  },
  {
    name: 'has schemes that its key can sign, each once',
    run: async (signer) => {
      if (!Array.isArray(signer.schemes) || signer.schemes.length === 0) {
        throw new ConformanceError(
          `schemes must be an array of at least one name; it is ${describeValue(signer.schemes)}`,
        );
      }
      if (new Set(signer.schemes).size < signer.schemes.length) {
        throw new ConformanceError(`schemes must have each name once; it is ${signer.schemes.join(', ')}`);
      }
      for (const facts of schemesOf(signer)) {
        if (fits(facts, signer.publicKey)) continue;
        throw new ConformanceError(
          `schemes: ${facts.name} is for another kind of key than this one, ${nameOf(signer.publicKey)}`,
        );
      }
    },
  },
  {
    name: 'stays the same: publicKey and schemes are read whenever a server is configured',
    run: async (signer) => {
      const { publicKey, schemes } = signer;
      if (!publicKey.equals(signer.publicKey) || schemes.join() !== signer.schemes.join()) {
        throw new ConformanceError('publicKey and schemes must be the same each time they are read');
      }
    },
  },
];

function fits({ algorithm, name }: SignatureSchemeFacts, publicKey: KeyObject): boolean {
  const kind = kindOfKey(publicKey);
  if (kind?.type === 'ml-dsa') return mlDsaNamed(kind.name)?.scheme === name;
  return kind !== undefined && (kind.type === 'ec' ? algorithm === 'ecdsa' : algorithm.startsWith('rsa'));
}

function nameOf(publicKey: KeyObject): string {
  return kindOfKey(publicKey)?.name ?? publicKey.asymmetricKeyType ?? 'unknown';
}
