import { askFor, schemesOf, signatureFrom } from './asked.ts';
import type { Check } from './check.ts';
import { ConformanceError } from './conformance-error.ts';
import { explainSignature } from './verification.ts';

export const signatureChecks: readonly Check[] = [
  {
    name: 'signs under each of its schemes so that node:crypto verifies it: not hashed again, DER for ECDSA, a salt as long as the digest for PSS',
    run: async (signer, { patience }) => {
      for (const facts of schemesOf(signer)) {
        const asked = askFor(facts, signer.publicKey);
        explainSignature(asked, signer.publicKey, await signatureFrom(signer, asked, patience));
      }
    },
  },
  {
    name: 'signs many times: values of r and s that begin with zeros or ones are encoded right',
    run: async (signer, { patience }) => {
      const [facts] = schemesOf(signer);
      if (facts === undefined) throw new ConformanceError('schemes is empty');
      for (let count = 0; count < 16; count++) {
        const asked = askFor(facts, signer.publicKey);
        explainSignature(asked, signer.publicKey, await signatureFrom(signer, asked, patience));
      }
    },
  },
  {
    name: 'signs what is asked for when many are asked for at once',
    run: async (signer, { concurrency, patience }) => {
      const schemes = schemesOf(signer);
      const all = Array.from({ length: concurrency }, (_, index) => schemes[index % schemes.length]);
      await Promise.all(
        all.map(async (facts) => {
          if (facts === undefined) return;
          const asked = askFor(facts, signer.publicKey);
          explainSignature(asked, signer.publicKey, await signatureFrom(signer, asked, patience));
        }),
      );
    },
  },
  {
    name: 'signs input that is a view of a larger buffer, and neither changes it nor the operation',
    run: async (signer, { patience }) => {
      const [facts] = schemesOf(signer);
      if (facts === undefined) throw new ConformanceError('schemes is empty');
      const asked = askFor(facts, signer.publicKey);
      const { input } = asked.operation;
      const larger = new Uint8Array(input.length + 96).fill(0xa5);
      larger.set(input, 37);
      const before = larger.slice();
      const operation = Object.freeze({ ...asked.operation, input: larger.subarray(37, 37 + input.length) });
      explainSignature(
        asked,
        signer.publicKey,
        await signatureFrom(signer, { ...asked, operation }, patience),
      );
      if (Buffer.compare(larger, before) !== 0) {
        throw new ConformanceError('sign must not change its input, or what lies around it: copy it first');
      }
    },
  },
];
