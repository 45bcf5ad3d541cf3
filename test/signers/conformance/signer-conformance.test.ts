import { constants, createHash, sign as signMessage, privateEncrypt } from 'node:crypto';
import { expect } from 'chai';
import { signerConformance, ConformanceError } from '../../../lib/signers/conformance/signer-conformance.ts';
import { SignerError } from '../../../lib/errors.ts';
import { checkOperation } from '../../../lib/signers/operation-check.ts';
import { digestInfo } from '../../../lib/signers/digest-info.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../../../lib/signers/signer.ts';
import { localSigner, signersAt } from '../../certificate/signers.ts';
import { keyNames, keyPair, makeKeyPair, privateKeyPem, type KeyName } from '../key-pairs.ts';
import { LocalKeySigner } from '../../../lib/signers/local-key-signer.ts';
import { rejectionOf } from '../rejection.ts';

type Sign = (operation: PrivateKeyOperation, options: SignOptions) => Promise<Uint8Array>;

/** A signer whose answers are `sign`'s. */
function signerWith(name: KeyName, sign: Sign, more: object = {}): () => Signer {
  const { publicKey, schemes } = localSigner(name);
  return () => ({
    ...{ publicKey, schemes, ...more },
    sign: async (operation: PrivateKeyOperation, options: SignOptions = {}) => {
      checkOperation(operation, schemes);
      if (options.signal?.aborted) throw new SignerError('aborted');
      return sign(operation, options);
    },
  });
}

/** What each check says of a signer; undefined when it has no objection. */
async function objections(open: () => Signer | Promise<Signer>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name, run } of signerConformance({ open, patience: 2_000, concurrency: 8 })) {
    try {
      await run();
    } catch (error) {
      expect(error, name)
        .to.be.instanceOf(ConformanceError)
        .and.include({ code: 'ERR_S2N_PKEY_CONFORMANCE' });
      found.set(name, (error as Error).message);
    }
  }
  return found;
}

describe('signerConformance', () => {
  for (const place of ['LocalKeySigner', 'KmsSigner over the local KMS'] as const) {
    describe(`finds that ${place}`, () => {
      const signerOf = signersAt(place);
      for (const key of keyNames) {
        describe(`with ${key}`, () => {
          // The signers of a run are shared: none is closed here.
          const open = async (): Promise<Signer> => {
            const signer = await signerOf(key);
            return { publicKey: signer.publicKey, schemes: signer.schemes, sign: signer.sign.bind(signer) };
          };
          for (const { name, run } of signerConformance({ open, patience: 30_000 })) {
            it(name, run).timeout(90_000);
          }
        });
      }
    });
  }

  describe('objects to a signer', () => {
    const local = (name: KeyName): LocalKeySigner => localSigner(name);

    it('that answers r and s side by side', async () => {
      const { privateKey } = keyPair('P-256');
      const signatures = new Map<string, Uint8Array>();
      const open = signerWith('P-256', async (operation) => {
        const der = await local('P-256').sign(operation);
        signatures.set('der', der);
        return rawOfDer(der, 32);
      });
      const found = [...(await objections(open)).values()];
      expect(privateKey.type).to.equal('private');
      expect(found.join('\n')).to.include('r and s side by side').and.include('derOfRawEcdsa');
      expect(found.join('\n')).to.match(/a TLSv1\.3 handshake failed/);
    });

    it('whose PSS salt is as long as it can be', async () => {
      const open = signerWith('RSA-2048', async (operation) => {
        const signer = local('RSA-2048');
        if (!operation.scheme.startsWith('rsa_pss')) return signer.sign(operation);
        return pssWithSalt(keyPair('RSA-2048').privateKey, operation, 256 - operation.input.length - 2);
      });
      const found = [...(await objections(open)).values()];
      expect(found.join('\n')).to.include(
        'the salt of the signature has another length than the digest, 32 bytes',
      );
    });

    for (const key of ['P-384', 'RSA-2048'] as const) {
      it(`that hashes the digest again (${key})`, async () => {
        const open = signerWith(key, async (operation) => {
          const hash = `sha${operation.input.length * 8}`;
          const input = createHash(hash).update(operation.input).digest();
          return local(key).sign({ ...operation, input });
        });
        const found = [...(await objections(open)).values()];
        expect(found.join('\n')).to.include('the digest was hashed again');
      });
    }

    it('that signs with another key', async () => {
      const other = new LocalKeySigner({ key: privateKeyPem(makeKeyPair('P-256')) });
      const found = await objections(signerWith('P-256', (operation) => other.sign(operation)));
      expect([...found.values()].join('\n')).to.include('it was made with another key');
      expect(found).to.have.property('size').that.is.greaterThan(5);
    });

    it('that signs PKCS#1 v1.5 where PSS is asked for', async () => {
      const open = signerWith('RSA-2048', async (operation) => {
        const scheme = operation.scheme.replace('pss_rsae', 'pkcs1') as typeof operation.scheme;
        return local('RSA-2048').sign({ ...operation, scheme });
      });
      expect([...(await objections(open)).values()].join('\n')).to.include('the signature is PKCS#1 v1.5');
    });

    it('that encodes r or s wrongly when it begins with a one', async () => {
      const open = signerWith('P-256', async (operation) => {
        const raw = rawOfDer(await local('P-256').sign(operation), 32);
        return Buffer.concat([
          Buffer.of(0x30, 68, 2, 32),
          raw.subarray(0, 32),
          Buffer.of(2, 32),
          raw.subarray(32),
        ]);
      });
      const found = await objections(open);
      expect([...found.keys()].join('\n')).to.include('signs many times');
    });

    it('that mixes up concurrent operations', async () => {
      let last: PrivateKeyOperation | undefined;
      const open = signerWith('P-256', async (operation) => {
        last = operation;
        await new Promise((resolve) => setImmediate(resolve));
        return local('P-256').sign(last);
      });
      const found = await objections(open);
      expect([...found.keys()]).to.deep.equal(['signs what is asked for when many are asked for at once']);
    });

    it('that signs the buffer around its input, or changes its input', async () => {
      const around = await objections(
        signerWith('P-256', (operation) => {
          const { buffer, length } = operation.input;
          return local('P-256').sign({ ...operation, input: new Uint8Array(buffer, 0, length) });
        }),
      );
      expect([...around.keys()].join('\n')).to.include('a view of a larger buffer');
      const changing = await objections(
        signerWith('P-256', async (operation) => {
          const signature = await local('P-256').sign(operation);
          operation.input.fill(0);
          return signature;
        }),
      );
      expect([...changing.values()].join('\n')).to.include('must not change its input');
    });

    it('that rejects with something else than a SignerError, or throws at once', async () => {
      const { publicKey, schemes } = local('P-256');
      const inner = local('P-256');
      const found = await objections(() => ({
        publicKey,
        schemes,
        sign: (operation, options) =>
          inner
            .sign(operation, options)
            .catch((error: unknown) => Promise.reject(new TypeError(String(error)))),
      }));
      expect([...found.values()].join('\n'))
        .to.include('must reject with a SignerError')
        .and.include('TypeError');
      const throwing = await objections(() => ({
        publicKey,
        schemes,
        sign: (operation, options) => {
          checkOperation(operation, schemes);
          return inner.sign(operation, options);
        },
      }));
      expect([...throwing.values()].join('\n')).to.include('it threw instead: make it an async method');
    });

    it('that does not heed its signal, or keeps listening to it', async () => {
      const { publicKey, schemes } = local('P-256');
      const inner = local('P-256');
      const deaf = await objections(() => ({
        publicKey,
        schemes,
        sign: (operation) => inner.sign(operation),
      }));
      expect([...deaf.keys()]).to.deep.equal([
        'rejects with a SignerError when its signal is aborted before it is asked',
      ]);
      const leaking = await objections(() => ({
        publicKey,
        schemes,
        sign: (operation, options) => {
          options?.signal?.addEventListener('abort', () => undefined);
          return inner.sign(operation, options);
        },
      }));
      expect([...leaking.values()].join('\n')).to.include('must remove its listener');
    });

    it('that never answers once its signal is aborted', async () => {
      const open = signerWith('P-256', (operation, { signal }) =>
        signal === undefined ? local('P-256').sign(operation) : new Promise(() => undefined),
      );
      const found = await objections(open);
      expect([...found.values()].join('\n')).to.include('neither fulfilled nor rejected within 2000 ms');
    }).timeout(60_000);

    it('that signs when it is closed', async () => {
      const open = signerWith('P-256', (operation) => local('P-256').sign(operation), {
        close: () => undefined,
      });
      expect([...(await objections(open)).keys()].join('\n')).to.include('signs no more once it is closed');
    });

    it('whose publicKey or schemes are of no use', async () => {
      const inner = local('P-256');
      const sign: Signer['sign'] = (operation, options) => inner.sign(operation, options);
      const { privateKey } = keyPair('P-256');
      for (const [given, words] of [
        [{ publicKey: privateKey, schemes: inner.schemes }, "a crypto.KeyObject of type 'public'"],
        [{ publicKey: inner.publicKey, schemes: [] }, 'an array of at least one name'],
        [
          { publicKey: inner.publicKey, schemes: ['rsa_pss_rsae_sha256'] },
          'is for another kind of key than this one, P-256',
        ],
        [
          { publicKey: inner.publicKey, schemes: ['ES256'] },
          "'ES256' is not a signature scheme by its IANA name",
        ],
      ] as const) {
        const messages: string[] = [];
        for (const { run } of signerConformance({
          open: () => ({ ...given, sign }) as unknown as Signer,
        }).slice(0, 2)) {
          await run().catch((error: unknown) => messages.push(String(error)));
        }
        expect(messages.join('\n')).to.include(words);
      }
    });
  });

  it('takes a certificate of the key, for the handshakes', async () => {
    const { createSelfSignedCertificate } =
      await import('../../../lib/certificate/self-signed-certificate.ts');
    const signer = localSigner('P-256');
    const certificate = await createSelfSignedCertificate({ signer, subject: { CN: 'any.example' } });
    const checks = signerConformance({ open: () => signer, certificate });
    for (const { name, run } of checks) if (name.includes('handshakes')) await run();
    const other = signerConformance({ open: () => localSigner('P-384'), certificate }).slice(-1);
    for (const { run } of other) {
      expect(await rejectionOf(run())).to.have.property('code', 'ERR_S2N_PKEY_KEY_MISMATCH');
    }
  });

  it('refuses options that mean nothing, by name', () => {
    const open = (): Signer => localSigner('P-256');
    for (const [option, options] of [
      ['open', {}],
      ['concurrency', { open, concurrency: 0 }],
      ['patience', { open, patience: -1 }],
      ['certificate', { open, certificate: 7 }],
    ] as const) {
      expect(() => signerConformance(options as never))
        .to.throw()
        .with.include({ option });
    }
  });
});

/** r and s side by side, of a DER signature. */
function rawOfDer(der: Uint8Array, length: number): Buffer {
  const raw = Buffer.alloc(2 * length);
  let at = (der[1] ?? 0) >= 0x80 ? 3 : 2;
  for (const end of [length, 2 * length]) {
    const size = der[at + 1] ?? 0;
    const digits = Buffer.from(der.subarray(at + 2, at + 2 + size)).subarray(Math.max(0, size - length));
    digits.copy(raw, end - digits.length);
    at += 2 + size;
  }
  return raw;
}

/** EMSA-PSS (RFC 8017 §9.1.1) over a digest, with a salt of any length, for a key of 2,048 bits. */
function pssWithSalt(
  privateKey: Parameters<typeof signMessage>[2] & object,
  operation: PrivateKeyOperation,
  saltLength: number,
): Uint8Array {
  const { input } = operation;
  const hash = (data: Uint8Array): Buffer =>
    createHash(`sha${input.length * 8}`)
      .update(data)
      .digest();
  const salt = Buffer.alloc(saltLength, 7);
  const h = hash(Buffer.concat([Buffer.alloc(8), input, salt]));
  const db = Buffer.concat([Buffer.alloc(256 - saltLength - h.length - 2), Buffer.of(1), salt]);
  const mask: Buffer[] = [];
  for (let counter = 0; mask.length * h.length < db.length; counter++) {
    mask.push(hash(Buffer.concat([h, Buffer.of(0, 0, 0, counter)])));
  }
  const stream = Buffer.concat(mask);
  const masked = db.map((byte, index) => byte ^ (stream[index] ?? 0));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  const encoded = Buffer.concat([masked, h, Buffer.of(0xbc)]);
  return privateEncrypt({ key: privateKey as never, padding: constants.RSA_NO_PADDING }, encoded);
}

describe('digestInfo', () => {
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
    it(`is what OpenSSL signs with PKCS#1 v1.5 and ${hash}`, () => {
      const { privateKey } = keyPair('RSA-2048');
      const message = Buffer.from('what a handshake hashes');
      const digest = createHash(hash).update(message).digest();
      const padded = privateEncrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_PADDING },
        digestInfo(hash, digest),
      );
      expect(padded).to.deep.equal(signMessage(hash, message, privateKey));
    });
  }
});
