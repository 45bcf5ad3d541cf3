import { createHash, verify } from 'node:crypto';
import { expect } from 'chai';
import { fitEcdsaDigest } from '../../lib/signers/ecdsa-digest.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { keyPair, privateKeyPem } from './key-pairs.ts';

const message = Buffer.from('signed by a key that knows one hash only');

/** What a KMS key on each curve signs, and nothing else. */
const curves = [
  { name: 'P-256', scheme: 'ecdsa_secp256r1_sha256', length: 32 },
  { name: 'P-384', scheme: 'ecdsa_secp384r1_sha384', length: 48 },
  { name: 'P-521', scheme: 'ecdsa_secp521r1_sha512', length: 64 },
] as const;

describe('a digest fitted to what a KMS key signs', () => {
  for (const { name, scheme, length } of curves) {
    for (const hash of ['sha256', 'sha384', 'sha512']) {
      it(`${hash} by a ${name} key that signs ${length} bytes only: verifies as ECDSA with ${hash}`, async () => {
        const pair = keyPair(name);
        const signer = new LocalKeySigner({ key: privateKeyPem(pair) });
        const fitted = fitEcdsaDigest(createHash(hash).update(message).digest(), length);
        expect(fitted).to.have.lengthOf(length);
        const signature = await signer.sign({ scheme, input: fitted, inputKind: 'digest' });
        expect(verify(hash, message, pair.publicKey, signature)).to.equal(true);
        expect(verify(hash, Buffer.from('another message'), pair.publicKey, signature)).to.equal(false);
      });
    }
  }

  it('is padded on the left, or loses its right end', () => {
    const digest = createHash('sha384').update(message).digest();
    const padded = fitEcdsaDigest(digest, 64);
    expect(Buffer.from(padded).toString('hex')).to.equal('00'.repeat(16) + digest.toString('hex'));
    expect(fitEcdsaDigest(digest, 32)).to.deep.equal(digest.subarray(0, 32));
    expect(fitEcdsaDigest(digest, 48)).to.equal(digest);
  });

  it('has the length of one of the three curves', () => {
    expect(() => fitEcdsaDigest(new Uint8Array(32), 66)).to.throw(/length: expected 32 .* given 66/);
  });
});
