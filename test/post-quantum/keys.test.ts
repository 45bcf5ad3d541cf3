import { X509Certificate } from 'node:crypto';
import {
  CreateKeyCommand,
  GetPublicKeyCommand,
  SignCommand,
  VerifyCommand,
  type KeySpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createCertificateRequest } from '../../lib/certificate/certificate-request.ts';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { messageRepresentative } from '../../lib/signers/ml-dsa.ts';
import type { Signer } from '../../lib/signers/signer.ts';
import { createKey, defined, randomMessage, refusal, runningKms } from '../local-kms/running-kms.ts';
import { withoutAwsConfiguration } from '../signers/kms/aws-environment.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { verifiesUnder } from '../signers/verify-signature.ts';
import {
  describeMlDsa,
  levelNames,
  mlDsaPem,
  nodeReadsMlDsa,
  schemeOf,
  type LevelName,
} from './ml-dsa-node.ts';

const specOf = (level: LevelName): KeySpec => level.replaceAll('-', '_') as KeySpec;
const signatureLengths: Readonly<Record<LevelName, number>> = {
  'ML-DSA-44': 2420,
  'ML-DSA-65': 3309,
  'ML-DSA-87': 4627,
};
const SigningAlgorithm = 'ML_DSA_SHAKE_256';

function spkiOf(signer: Signer): Buffer {
  return signer.publicKey.export({ format: 'der', type: 'spki' });
}

describe('local KMS: ML-DSA keys', () => {
  const running = runningKms();

  for (const level of levelNames) {
    it(`makes ${specOf(level)} keys, which sign a message and its mu alike`, async () => {
      const { client } = running();
      const input = { KeySpec: specOf(level), KeyUsage: 'SIGN_VERIFY' } as const;
      const { KeyMetadata: metadata } = await client.send(new CreateKeyCommand(input));
      expect(metadata).to.deep.include({ ...input, SigningAlgorithms: [SigningAlgorithm] });
      const KeyId = defined(metadata?.KeyId);
      const { PublicKey: spki, ...told } = await client.send(new GetPublicKeyCommand({ KeyId }));
      expect(told).to.deep.include({ ...input, SigningAlgorithms: [SigningAlgorithm] });

      const message = randomMessage(4096);
      const raw = { KeyId, SigningAlgorithm, MessageType: 'RAW', Message: message } as const;
      const mu = messageRepresentative(defined(spki), message);
      const external = { ...raw, MessageType: 'EXTERNAL_MU', Message: mu } as const;
      for (const [signing, verifying] of [
        [raw, external],
        [external, raw],
      ]) {
        if (signing === undefined || verifying === undefined) continue;
        const { Signature } = await client.send(new SignCommand(signing));
        expect(Signature).to.have.lengthOf(signatureLengths[level]);
        const verified = await client.send(new VerifyCommand({ ...verifying, Signature }));
        expect(verified.SignatureValid).to.equal(true);
        const Forged = Uint8Array.from(defined(Signature), (byte, index) => (index === 40 ? byte ^ 1 : byte));
        const refused = await refusal(client.send(new VerifyCommand({ ...verifying, Signature: Forged })));
        expect(refused.name).to.equal('KMSInvalidSignatureException');
      }
    });
  }

  it('refuses a digest, and a mu that is not of 64 bytes', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ML_DSA_65');
    const input = { KeyId, SigningAlgorithm, Message: randomMessage(64) } as const;
    const digest = await refusal(client.send(new SignCommand({ ...input, MessageType: 'DIGEST' })));
    expect(digest).to.deep.equal({
      name: 'ValidationException',
      message: 'MessageType DIGEST is not supported by algorithm ML_DSA_SHAKE_256.',
      status: 400,
    });
    for (const length of [32, 63, 65]) {
      const Message = randomMessage(length);
      const mu = { ...input, Message, MessageType: 'EXTERNAL_MU' } as const;
      expect((await refusal(client.send(new SignCommand(mu)))).name).to.equal('ValidationException');
    }
    const other = { ...input, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    expect((await refusal(client.send(new SignCommand(other)))).name).to.equal('InvalidKeyUsageException');
  });
});

describe('A Node that cannot read ML-DSA keys', () => {
  withoutAwsConfiguration();
  const running = runningKms();

  it('is named by the error of a signer; another reads them', async () => {
    const { keyId } = await createKey(running().client, 'ML_DSA_65');
    const local = async (): Promise<Signer> => new LocalKeySigner({ key: mlDsaPem('ML-DSA-44') });
    const kms = (): Promise<KmsSigner> => KmsSigner.open({ keyId, ...running().kms.clientOptions });
    if (nodeReadsMlDsa) {
      expect((await local()).schemes).to.deep.equal(['mldsa44']);
      const signer = await kms();
      expect(signer.schemes).to.deep.equal(['mldsa65']);
      signer.close();
      return;
    }
    for (const [open, level] of [
      [kms, 'ML-DSA-65'],
      [local, 'ML-DSA-44'],
    ] as const) {
      const error = await rejectionOf(open());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_ML_DSA_UNREADABLE' });
      expect((error as Error).message)
        .to.include(process.version)
        .and.include(level);
    }
  });
});

describeMlDsa(import.meta.url, 'ML-DSA signers', () => {
  withoutAwsConfiguration();
  const running = runningKms();
  const places: Readonly<Record<string, (level: LevelName) => Promise<Signer>>> = {
    LocalKeySigner: (level) => Promise.resolve(new LocalKeySigner({ key: mlDsaPem(level) })),
    ...Object.fromEntries(
      ([{ requests: 'fast' }, { requests: 'sdk' }, { thread: 'worker' }] as const).map((how) => [
        `KmsSigner, ${JSON.stringify(how)}`,
        async (level: LevelName) => {
          const { keyId } = await createKey(running().client, specOf(level));
          return await KmsSigner.open({ keyId, ...how, ...running().kms.clientOptions });
        },
      ]),
    ),
  };

  for (const [place, open] of Object.entries(places)) {
    for (const level of levelNames) {
      it(`${place}: signs with ${level} as OpenSSL verifies`, async () => {
        const signer = await open(level);
        try {
          expect(signer.schemes).to.deep.equal([schemeOf(level)]);
          const message = randomMessage(130);
          const input = messageRepresentative(spkiOf(signer), message);
          const signature = await signer.sign({ scheme: schemeOf(level), input, inputKind: 'mu' });
          expect(verifiesUnder(schemeOf(level), message, signer.publicKey, signature)).to.equal(true);
        } finally {
          if (signer instanceof KmsSigner) signer.close();
        }
      });

      it(`${place}: makes a ${level} certificate and a request that OpenSSL verifies`, async () => {
        const signer = await open(level);
        try {
          const subject = 'CN=site.example';
          const certificate = new X509Certificate(await createSelfSignedCertificate({ signer, subject }));
          expect(certificate.verify(signer.publicKey)).to.equal(true);
          expect(certificate.publicKey.equals(signer.publicKey)).to.equal(true);
          expect(certificate.checkHost('site.example')).to.equal('site.example');

          const pem = await createCertificateRequest({ signer, subject });
          const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
          const toBeSigned = der.subarray(4, 8 + der.readUInt16BE(6)); // two SEQUENCEs with lengths of two bytes
          const signature = der.subarray(-signatureLengths[level]);
          expect(verifiesUnder(schemeOf(level), toBeSigned, signer.publicKey, signature)).to.equal(true);
        } finally {
          if (signer instanceof KmsSigner) signer.close();
        }
      });
    }
  }

  it('refuse a digest, another level and another length', async () => {
    const signer = new LocalKeySigner({ key: mlDsaPem('ML-DSA-65') });
    for (const [scheme, length, inputKind] of [
      ['mldsa65', 64, 'digest'],
      ['mldsa44', 64, 'mu'],
      ['mldsa65', 32, 'mu'],
      ['ecdsa_secp256r1_sha256', 32, 'digest'],
    ] as const) {
      const error = await rejectionOf(signer.sign({ scheme, input: Buffer.alloc(length), inputKind }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
    }
  });
});
