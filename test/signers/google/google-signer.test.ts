import { createHash } from 'node:crypto';
import { credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { signerConformance } from '../../../lib/signers/conformance/signer-conformance.ts';
import { crc32c } from '../../../lib/signers/google/crc32c.ts';
import {
  GoogleKmsError,
  GoogleSigner,
  type GoogleSignerOptions,
} from '../../../lib/signers/google/google-signer.ts';
import { keyAlgorithm } from '../../../lib/signers/google/key-algorithm.ts';
import { SignatureAdmission } from '../../../lib/signers/admission/signature-admission.ts';
import type { PrivateKeyOperation } from '../../../lib/signers/signer.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { algorithms, CloudKms, Failure, versionOf } from './cloud-kms.ts';

const message = Buffer.from('what a handshake hashes');
const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

describe('GoogleSigner (its client is the real one; the server speaks its protocol files)', () => {
  let kms: CloudKms;
  const opened: GoogleSigner[] = [];

  before(async () => {
    process.env['METADATA_SERVER_DETECTION'] = 'none'; // Its client would look for Google's machines around it.
    kms = await CloudKms.start();
  });
  afterEach(() => {
    for (const signer of opened.splice(0)) signer.close();
    kms.misbehave = undefined;
    kms.seen.length = 0;
  });
  after(() => {
    delete process.env['METADATA_SERVER_DETECTION'];
    kms.stop();
  });

  async function open(options: Partial<GoogleSignerOptions> = {}): Promise<GoogleSigner> {
    const { port } = kms;
    const clientOptions = { apiEndpoint: '127.0.0.1', port, sslCreds: credentials.createInsecure() };
    const signer = await GoogleSigner.open({
      ...{ keyVersion: versionOf('EC_SIGN_P256_SHA256'), timeout: 20_000, clientOptions },
      ...options,
    });
    opened.push(signer);
    return signer;
  }

  for (const algorithm of algorithms) {
    describe(`does what a Signer must, with ${algorithm}`, () => {
      const checks = signerConformance({
        open: () => open({ keyVersion: versionOf(algorithm) }),
        patience: 30_000,
      });
      for (const check of checks) it(check.name, check.run).timeout(90_000);
    });
  }

  it('has the schemes that the algorithm of the version permits, and no other', () => {
    const ecdsa = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'];
    for (const [algorithm, schemes] of [
      ['EC_SIGN_P384_SHA384', ecdsa],
      ['RSA_SIGN_PSS_3072_SHA256', ['rsa_pss_rsae_sha256']],
      ['RSA_SIGN_PSS_4096_SHA512', ['rsa_pss_rsae_sha512']],
      ['RSA_SIGN_PKCS1_2048_SHA256', ['rsa_pkcs1_sha256']],
      ['RSA_SIGN_RAW_PKCS1_2048', ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512']],
      ['EC_SIGN_SECP256K1_SHA256', undefined],
      ['RSA_DECRYPT_OAEP_2048_SHA256', undefined],
      ['EC_SIGN_ED25519', undefined],
    ] as const) {
      expect(keyAlgorithm(algorithm)?.schemes, algorithm).to.deep.equal(schemes);
    }
  });

  it('sends the digest with its CRC-32C', async () => {
    const signer = await open();
    const signature = await signer.sign(asked);
    expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    const [request] = kms.seen;
    expect(request?.name).to.equal(signer.keyVersion);
    expect(request?.digest?.sha256).to.deep.equal(Buffer.from(asked.input));
    expect(Number(request?.digestCrc32c?.value)).to.equal(crc32c(asked.input));
  });

  describe('does not use', () => {
    for (const [what, change, code] of [
      ['an answer of another version', { name: versionOf('RSA_SIGN_RAW_PKCS1_2048') }, 'WRONG_KEY'],
      ['a signature over a digest that was changed', { verifiedDigestCrc32c: false }, 'UNUSABLE_ANSWER'],
      ['a signature that was changed', { signature: Buffer.of(1, 2, 3) }, 'UNUSABLE_ANSWER'],
      ['an answer without a signature', { signature: Buffer.alloc(0) }, 'UNUSABLE_ANSWER'],
    ] as const) {
      it(`${what}: ${code}`, async () => {
        const signer = await open();
        kms.misbehave = (_, answer) => void Object.assign(answer, change);
        const error = await rejectionOf(signer.sign(asked));
        expect(error)
          .to.be.instanceOf(GoogleKmsError)
          .and.include({ code: `ERR_S2N_PKEY_GOOGLE_${code}` });
      });
    }

    for (const [what, change, code] of [
      ['a public key that was changed', { pem: 'another' }, 'UNUSABLE_ANSWER'],
      ['a public key of another version', { name: 'another' }, 'WRONG_KEY'],
      ['a key that does not sign for TLS', { algorithm: 'EC_SIGN_SECP256K1_SHA256' }, 'KEY_ALGORITHM'],
      ['a public key that is not of its algorithm', { algorithm: 'EC_SIGN_P384_SHA384' }, 'UNUSABLE_ANSWER'],
    ] as const) {
      it(`${what}: ${code}`, async () => {
        kms.misbehave = (_, answer) => void Object.assign(answer, change);
        const error = await rejectionOf(open());
        expect(error)
          .to.be.instanceOf(GoogleKmsError)
          .and.include({ code: `ERR_S2N_PKEY_GOOGLE_${code}` });
      });
    }
  });

  describe('when a signature fails', () => {
    for (const [name, code, calls] of [
      ['PERMISSION_DENIED', 'ACCESS_DENIED', 1],
      ['NOT_FOUND', 'NOT_FOUND', 1],
      ['FAILED_PRECONDITION', 'KEY_STATE', 1],
      ['RESOURCE_EXHAUSTED', 'THROTTLED', 1],
      ['UNAUTHENTICATED', 'CREDENTIALS', 1],
      ['INTERNAL', 'UNAVAILABLE', 1],
      ['UNAVAILABLE', 'UNAVAILABLE', 2],
      ['UNIMPLEMENTED', 'FAILED', 1],
    ] as const) {
      it(`${name}: ${code}, after ${calls} request${calls > 1 ? 's' : ''}`, async () => {
        const signer = await open();
        kms.misbehave = () => {
          throw new Failure(status[name], 'on purpose');
        };
        const error = await rejectionOf(signer.sign(asked));
        expect(error)
          .to.be.instanceOf(GoogleKmsError)
          .and.include({
            code: `ERR_S2N_PKEY_GOOGLE_${code}`,
            status: status[name],
            keyVersion: signer.keyVersion,
          });
        expect(kms.seen).to.have.lengthOf(calls);
      });
    }

    it('asks once more when Cloud KMS is not available, and signs', async () => {
      const signer = await open();
      kms.misbehave = () => {
        if (kms.seen.length < 2) throw new Failure(status.UNAVAILABLE, 'on purpose');
      };
      const admission = SignatureAdmission.of(signer);
      const before = admission?.extraRequests ?? NaN;
      const signature = await signer.sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
      expect(admission?.extraRequests, 'requests that count for perSecond').to.equal(before + 1);
    });

    it('gives up after its timeout, and when it is aborted', async () => {
      const signer = await open({ timeout: 1_500 });
      kms.misbehave = () => new Promise(() => undefined);
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_GOOGLE_TIMEOUT' });
      const abort = new AbortController();
      const signed = rejectionOf(signer.sign(asked, { signal: abort.signal }));
      abort.abort(new Error('the peer left'));
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    });
  });

  it('refuses options that mean nothing, by name', async () => {
    for (const [option, options] of [
      ['keyVersion', { keyVersion: 'projects/p/locations/l/keyRings/r/cryptoKeys/site' }],
      ['clientOptions', { clientOptions: 1 }],
      ['timeout', { timeout: 0 }],
    ] as const) {
      const error = await rejectionOf(open(options as unknown as Partial<GoogleSignerOptions>));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
    }
  });
});

describe('crc32c', () => {
  it('gives the known answers of RFC 3720 §B.4, and of "123456789"', () => {
    expect(crc32c(Buffer.from('123456789'))).to.equal(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).to.equal(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).to.equal(0x62a8ab43);
    expect(crc32c(new Uint8Array())).to.equal(0);
  });
});
