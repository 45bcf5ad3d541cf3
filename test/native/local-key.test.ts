import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { addon } from '../../lib/native/addon.ts';
import type { NativeLocalKey } from '../../lib/native/binding.ts';
import { signatureSchemes, type SignatureSchemeFacts } from '../../lib/signers/signature-scheme.ts';
import { keyNames, keyPair, privateKeyPem, type KeyName } from '../signers/key-pairs.ts';
import { verifiesUnder } from '../signers/verify-signature.ts';

const message = Buffer.from('a transcript of a handshake');

function digestFor({ hash }: SignatureSchemeFacts): Buffer {
  if (hash === undefined) throw new TypeError('the scheme has no hash');
  return createHash(hash).update(message).digest();
}

function schemesOf(name: KeyName): readonly SignatureSchemeFacts[] {
  const wanted = name.startsWith('P-') ? ['ecdsa'] : ['rsa-pss', 'rsa-pkcs1'];
  return signatureSchemes.filter(({ algorithm }) => wanted.includes(algorithm));
}

function localKey(name: KeyName): NativeLocalKey {
  return new (addon().LocalKey)(privateKeyPem(keyPair(name)));
}

/** The signature that OpenSSL makes of the message. */
function signedByOpenssl({ algorithm, hash }: SignatureSchemeFacts, privateKey: KeyObject): Buffer {
  if (algorithm !== 'rsa-pss') return sign(hash, message, privateKey);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return sign(hash, message, { key: privateKey, padding, saltLength });
}

function pkcs8(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** A call with arguments that TypeScript would not let through. */
function calling(key: NativeLocalKey, method: 'sign' | 'verify', ...args: readonly unknown[]): () => void {
  return () => {
    Reflect.apply(Reflect.get(key, method), key, args);
  };
}

function constructing(...args: readonly unknown[]): () => void {
  return () => {
    Reflect.construct(addon().LocalKey, args);
  };
}

describe('A private key in the addon', () => {
  for (const name of keyNames) {
    describe(name, () => {
      for (const scheme of schemesOf(name)) {
        it(`signs a digest under ${scheme.name}, as OpenSSL verifies over the message`, () => {
          const signature = localKey(name).sign(scheme.code, digestFor(scheme));
          expect(verifiesUnder(scheme.name, message, keyPair(name).publicKey, signature)).to.equal(true);
        });

        it(`verifies what OpenSSL signed under ${scheme.name}, and nothing else`, () => {
          const key = localKey(name);
          const digest = digestFor(scheme);
          const signature = signedByOpenssl(scheme, keyPair(name).privateKey);
          expect(key.verify(scheme.code, digest, signature)).to.equal(true);
          digest.writeUInt8(digest.readUInt8(0) ^ 1, 0);
          expect(key.verify(scheme.code, digest, signature), 'another digest').to.equal(false);
        });
      }

      it('has its public half as SubjectPublicKeyInfo', () => {
        const der = Buffer.from(localKey(name).publicKey());
        const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
        expect(publicKey.equals(keyPair(name).publicKey)).to.equal(true);
      });

      it('signs no digest of another length, and under no scheme of another kind of key', () => {
        const key = localKey(name);
        const own = schemesOf(name);
        for (const scheme of signatureSchemes) {
          const length = own.includes(scheme) ? scheme.inputLength - 1 : scheme.inputLength;
          expect(() => key.sign(scheme.code, Buffer.alloc(length)), scheme.name)
            .to.throw('cannot sign')
            .with.property('code', 'ERR_S2N_PKEY_SIGNER');
        }
      });
    });
  }

  it('signs under no code that is not of a scheme, such as one of 17 bits', () => {
    const key = localKey('P-256');
    for (const code of [0, -1, 0x0203, 0x10403, 0.5, Number.NaN, Infinity]) {
      expect(() => key.sign(code, Buffer.alloc(32)), String(code)).to.throw('cannot sign');
    }
  });

  describe('refuses by name', () => {
    const ed25519 = pkcs8(generateKeyPairSync('ed25519').privateKey);
    const p256 = keyPair('P-256');
    const refused: readonly { what: string; pem: string; passphrase?: string; because: string }[] = [
      { what: 'Ed25519', pem: ed25519, because: 'an Ed25519 key, which is not supported by s2n-tls' },
      {
        what: 'RSA of 1024 bits',
        pem: pkcs8(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
        because: 'an RSA key of 1024 bits',
      },
      {
        what: 'an RSA key that is for RSASSA-PSS only',
        pem: pkcs8(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
        because: 'restricted to RSASSA-PSS',
      },
      {
        what: 'another curve',
        pem: pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
        because: 'an EC key on secp256k1',
      },
      {
        what: 'Ed448',
        pem: pkcs8(generateKeyPairSync('ed448').privateKey),
        because: 'a key of another kind',
      },
      {
        what: 'a public key',
        pem: p256.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
        because: 'a public key',
      },
      {
        what: 'a key in the format of OpenSSH',
        pem: '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
        because: 'ssh-keygen -p -m PKCS8',
      },
      { what: 'a text cut off', pem: privateKeyPem(p256).slice(0, 120), because: 'cut off or damaged' },
      { what: 'any other text', pem: 'key.pem', because: 'text without "-----BEGIN PRIVATE KEY-----"' },
    ];
    for (const { what, pem, passphrase, because } of refused) {
      it(what, () => {
        expect(() => new (addon().LocalKey)(pem, passphrase))
          .to.throw(because)
          .with.property('code', 'ERR_S2N_PKEY_KEY_INVALID');
      });
    }

    it('an encrypted key of a kind that is not supported, and not its passphrase', () => {
      const encrypted = generateKeyPairSync('ed25519')
        .privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'sesame' })
        .toString();
      expect(() => new (addon().LocalKey)(encrypted, 'sesame'))
        .to.throw('an Ed25519 key')
        .with.property('code', 'ERR_S2N_PKEY_KEY_INVALID');
    });

    it('a missing passphrase, a wrong one, and one too long', () => {
      const encrypted = p256.privateKey
        .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'sesame' })
        .toString();
      const attempts = { missing: undefined, wrong: 'open', 'too long': 'x'.repeat(5000) };
      const told = {
        missing: 'pass its passphrase',
        wrong: 'does not decrypt',
        'too long': 'at most 1024 bytes',
      };
      for (const kind of ['missing', 'wrong', 'too long'] as const) {
        expect(() => new (addon().LocalKey)(encrypted, attempts[kind]), kind)
          .to.throw(told[kind])
          .with.property('code', 'ERR_S2N_PKEY_PASSPHRASE');
      }
    });

    it('arguments of the wrong type', () => {
      const digest = Buffer.alloc(32);
      expect(constructing()).to.throw(TypeError, 'key: expected a string');
      expect(constructing('', 1)).to.throw(TypeError, 'passphrase: expected a string');
      const key = localKey('P-256');
      expect(calling(key, 'sign', 0x0403, 'digest')).to.throw(TypeError, 'input: expected a Uint8Array');
      expect(calling(key, 'sign', 0x0403, new Float64Array(4))).to.throw(TypeError, 'input: expected');
      expect(calling(key, 'sign', '0x0403', digest)).to.throw(TypeError, 'number');
      expect(calling(key, 'verify', 0x0403, digest)).to.throw(TypeError, 'signature: expected a Uint8Array');
      // A proxy has the key's methods and is no key.
      expect(calling(new Proxy(key, {}), 'sign', 0x0403, digest)).to.throw('Illegal invocation');
    });
  });

  it('reads a key encrypted in the way of older OpenSSL commands (Proc-Type: 4,ENCRYPTED)', () => {
    for (const [name, type] of [
      ['P-256', 'sec1'],
      ['RSA-2048', 'pkcs1'],
    ] as const) {
      const encrypted = keyPair(name)
        .privateKey.export({ format: 'pem', type, cipher: 'aes-256-cbc', passphrase: 'sesame' })
        .toString();
      expect(encrypted).to.include('Proc-Type: 4,ENCRYPTED');
      const key = new (addon().LocalKey)(encrypted, 'sesame');
      expect(Buffer.from(key.publicKey()).equals(localKey(name).publicKey())).to.equal(true);
    }
  });

  it('is a key in worker threads too, each of which loads the addon again', async () => {
    const [scheme] = schemesOf('P-384');
    if (scheme === undefined) throw new TypeError('a P-384 key has no scheme');
    const work = { schemeCode: scheme.code, digest: digestFor(scheme) };
    const file = new URL('./signing-worker.mjs', import.meta.url);
    const workers = [1, 2, 3].map(() => new Worker(file, { workerData: privateKeyPem(keyPair('P-384')) }));
    for (const worker of workers) worker.postMessage(work);
    const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
    const ended = await Promise.all(workers.map((worker) => worker.terminate()));
    expect(ended).to.have.lengthOf(3);
    for (const [signature] of answers as Uint8Array[][]) {
      if (signature === undefined) throw new TypeError('no signature came');
      expect(verifiesUnder(scheme.name, message, keyPair('P-384').publicKey, signature)).to.equal(true);
    }
    // The addon serves this thread on when those are gone.
    const signature = localKey('P-384').sign(work.schemeCode, work.digest);
    expect(verifiesUnder(scheme.name, message, keyPair('P-384').publicKey, signature)).to.equal(true);
  });
});
