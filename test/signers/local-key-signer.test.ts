import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { SignerError } from '../../lib/errors.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { signatureSchemeByName } from '../../lib/signers/signature-scheme.ts';
import { keyNames, keyPair, privateKeyPem } from './key-pairs.ts';
import { rejectionOf } from './rejection.ts';
import { verifiesUnder } from './verify-signature.ts';

const message = Buffer.from('a transcript of a handshake');

function hash(name: string | undefined): Buffer {
  return createHash(name ?? '')
    .update(message)
    .digest();
}

/** What `run` throws. */
function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('LocalKeySigner', () => {
  for (const name of keyNames) {
    describe(`with a ${name} key`, () => {
      it('signs under every scheme it says it has, as OpenSSL verifies', async () => {
        const signer = new LocalKeySigner({ key: privateKeyPem(keyPair(name)) });
        expect(signer.schemes).to.have.lengthOf(name.startsWith('P-') ? 3 : 6);
        for (const scheme of signer.schemes) {
          const input = hash(signatureSchemeByName(scheme)?.hash);
          const signature = await signer.sign({ scheme, input, inputKind: 'digest' });
          expect(verifiesUnder(scheme, message, keyPair(name).publicKey, signature), scheme).to.equal(true);
        }
      });

      it("has the key's public half", () => {
        const signer = new LocalKeySigner({ key: privateKeyPem(keyPair(name)) });
        expect(signer.publicKey.equals(keyPair(name).publicKey)).to.equal(true);
      });
    });
  }

  it('reads SEC 1, PKCS#1 and encrypted PKCS#8, as text or as bytes', () => {
    const ec = keyPair('P-256');
    const rsa = keyPair('RSA-2048');
    const sec1 = new LocalKeySigner({ key: ec.privateKey.export({ format: 'pem', type: 'sec1' }) });
    const pkcs1 = new LocalKeySigner({ key: rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }) });
    const encrypted = ec.privateKey
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'sesame' })
      .toString();
    const decrypted = new LocalKeySigner({ key: Buffer.from(encrypted), passphrase: 'sesame' });
    expect(sec1.publicKey.equals(ec.publicKey)).to.equal(true);
    expect(pkcs1.publicKey.equals(rsa.publicKey)).to.equal(true);
    expect(decrypted.publicKey.equals(ec.publicKey)).to.equal(true);
    expect(thrownBy(() => new LocalKeySigner({ key: encrypted })))
      .to.include({ code: 'ERR_S2N_PKEY_PASSPHRASE' })
      .and.have.property('message')
      .that.includes('pass its passphrase');
    expect(thrownBy(() => new LocalKeySigner({ key: encrypted, passphrase: 'wrong' }))).to.include({
      code: 'ERR_S2N_PKEY_PASSPHRASE',
    });
  });

  it('refuses what is no private key in PEM, by name', () => {
    const invalid = { code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'key' };
    expect(thrownBy(() => new LocalKeySigner({ key: '' }))).to.include(invalid);
    expect(thrownBy(() => new LocalKeySigner({ key: './key.pem' }))).to.include(invalid);
    expect(thrownBy(() => Reflect.construct(LocalKeySigner, [{ key: 7 }]))).to.include(invalid);
    expect(thrownBy(() => Reflect.construct(LocalKeySigner, []))).to.include({ option: 'options' });
    expect(
      thrownBy(() =>
        Reflect.construct(LocalKeySigner, [{ key: privateKeyPem(keyPair('P-256')), passphrase: 1 }]),
      ),
    ).to.include({ option: 'passphrase' });
    const publicPem = keyPair('P-256').publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(thrownBy(() => new LocalKeySigner({ key: publicPem }))).to.include({
      code: 'ERR_S2N_PKEY_KEY_INVALID',
    });
  });

  it('refuses an operation that the key cannot do, or whose input is of the wrong length', async () => {
    const signer = new LocalKeySigner({ key: privateKeyPem(keyPair('P-256')) });
    const digest = hash('sha256');
    for (const operation of [
      { scheme: 'rsa_pss_rsae_sha256', input: digest, inputKind: 'digest' },
      { scheme: 'ecdsa_secp256r1_sha256', input: digest.subarray(1), inputKind: 'digest' },
      { scheme: 'ecdsa_secp256r1_sha256', input: digest, inputKind: 'mu' },
    ] as const) {
      const error = await rejectionOf(signer.sign(operation));
      expect(error).to.be.instanceOf(SignerError).and.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
    }
  });

  it('signs nothing for a handshake that is over', async () => {
    const signer = new LocalKeySigner({ key: privateKeyPem(keyPair('P-256')) });
    const operation = {
      scheme: 'ecdsa_secp256r1_sha256',
      input: hash('sha256'),
      inputKind: 'digest',
    } as const;
    const error = await rejectionOf(
      signer.sign(operation, { signal: AbortSignal.abort(new Error('peer left')) }),
    );
    expect(error).to.be.instanceOf(SignerError).and.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    expect(error).to.have.nested.property('cause.message', 'peer left');
  });
});
