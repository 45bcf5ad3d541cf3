import { constants, createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  DisableKeyCommand,
  GetPublicKeyCommand,
  SignCommand,
  VerifyCommand,
  type KMSClient,
  type KeySpec,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, defined, randomMessage, refusal, run, runningKms } from './running-kms.ts';

const rsaAlgorithms = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
] as const;

const algorithmsOf: readonly (readonly [KeySpec, readonly SigningAlgorithmSpec[]])[] = [
  ['ECC_NIST_P256', ['ECDSA_SHA_256']],
  ['ECC_NIST_P384', ['ECDSA_SHA_384']],
  ['ECC_NIST_P521', ['ECDSA_SHA_512']],
  ['RSA_2048', rsaAlgorithms],
  ['RSA_3072', rsaAlgorithms],
  ['RSA_4096', rsaAlgorithms],
];

function hashOf(algorithm: string): string {
  return `sha${algorithm.slice(-3)}`;
}

function digestOf(algorithm: string, message: Buffer): Buffer {
  return createHash(hashOf(algorithm)).update(message).digest();
}

async function publicKeyOf(client: KMSClient, keyId: string): Promise<KeyObject> {
  const { PublicKey: spki } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  return createPublicKey({ key: Buffer.from(defined(spki)), format: 'der', type: 'spki' });
}

/** Node's own verification; for PSS it insists on a salt as long as the digest, as TLS does. */
function verifies(algorithm: string, key: KeyObject, message: Buffer, signature: Uint8Array): boolean {
  const options = algorithm.includes('PSS')
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key };
  return verify(hashOf(algorithm), message, options, signature);
}

describe('local KMS: Sign and Verify', () => {
  const running = runningKms();
  const keys = new Map<KeySpec, string>();
  before(async () => {
    for (const [keySpec] of algorithmsOf)
      keys.set(keySpec, (await createKey(running().client, keySpec)).keyId);
  });
  const keyOf = (keySpec: KeySpec): string => defined(keys.get(keySpec));

  for (const [keySpec, algorithms] of algorithmsOf) {
    for (const SigningAlgorithm of algorithms) {
      it(`${keySpec} signs messages and digests with ${SigningAlgorithm}`, async () => {
        const { client } = running();
        const KeyId = keyOf(keySpec);
        const publicKey = await publicKeyOf(client, KeyId);
        const message = randomMessage();
        const digest = digestOf(SigningAlgorithm, message);
        for (const [MessageType, Message] of [
          ['RAW', message],
          ['DIGEST', digest],
        ] as const) {
          const input = { KeyId, Message, MessageType, SigningAlgorithm };
          const signed = await client.send(new SignCommand(input));
          expect(signed.KeyId).to.equal(`arn:aws:kms:us-east-1:000000000000:key/${KeyId}`);
          expect(signed.SigningAlgorithm).to.equal(SigningAlgorithm);
          const signature = defined(signed.Signature);
          expect(verifies(SigningAlgorithm, publicKey, message, signature)).to.equal(true);

          const verified = await client.send(new VerifyCommand({ ...input, Signature: signature }));
          expect(verified).to.deep.include({ KeyId: signed.KeyId, SignatureValid: true, SigningAlgorithm });

          const forged = Uint8Array.from(signature, (byte, index) => (index === 40 ? byte ^ 1 : byte));
          const refused = await refusal(client.send(new VerifyCommand({ ...input, Signature: forged })));
          expect(refused).to.include({ name: 'KMSInvalidSignatureException', status: 400 });
        }
      });

      it(`${keySpec} refuses a digest of the wrong length for ${SigningAlgorithm}`, async () => {
        const { client } = running();
        const Message = randomMessage(digestOf(SigningAlgorithm, Buffer.alloc(0)).length - 1);
        const input = { KeyId: keyOf(keySpec), Message, MessageType: 'DIGEST', SigningAlgorithm } as const;
        const message = `Digest is invalid length for algorithm ${SigningAlgorithm}.`;
        const signed = await refusal(client.send(new SignCommand(input)));
        expect(signed).to.deep.equal({ name: 'ValidationException', message, status: 400 });
        const verified = await refusal(client.send(new VerifyCommand({ ...input, Signature: Message })));
        expect(verified).to.deep.equal({ name: 'ValidationException', message, status: 400 });
      });
    }
  }

  it('takes a message for RAW when nothing is said', async () => {
    const { client } = running();
    const KeyId = keyOf('ECC_NIST_P256');
    const message = randomMessage(32); // As long as a digest, and none.
    const { Signature: signature } = await client.send(
      new SignCommand({ KeyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' }),
    );
    expect(verifies('ECDSA_SHA_256', await publicKeyOf(client, KeyId), message, defined(signature))).to.equal(
      true,
    );
  });

  it('makes signatures that openssl accepts', async () => {
    const { client } = running();
    const KeyId = keyOf('ECC_NIST_P384');
    const Message = randomMessage();
    const { Signature: signature } = await client.send(
      new SignCommand({ KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_384' }),
    );
    const directory = await mkdtemp(path.join(tmpdir(), 'local-kms-test-'));
    try {
      const file = (name: string): string => path.join(directory, name);
      const publicKey = await publicKeyOf(client, KeyId);
      await writeFile(file('public.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
      await writeFile(file('message'), Message);
      await writeFile(file('signature'), defined(signature));
      const { stdout } = await run('openssl', [
        ...['dgst', '-sha384', '-verify', file('public.pem')],
        ...['-signature', file('signature'), file('message')],
      ]);
      expect(stdout).to.equal('Verified OK\n');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('signs 4,096 bytes and refuses more', async () => {
    const { client } = running();
    const input = { KeyId: keyOf('ECC_NIST_P256'), SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const message = randomMessage(4096);
    const { Signature: signature } = await client.send(new SignCommand({ ...input, Message: message }));
    const publicKey = await publicKeyOf(client, input.KeyId);
    expect(verifies('ECDSA_SHA_256', publicKey, message, defined(signature))).to.equal(true);
    const tooLong = await refusal(client.send(new SignCommand({ ...input, Message: randomMessage(4097) })));
    expect(tooLong).to.deep.equal({
      name: 'ValidationException',
      message:
        "1 validation error detected: Value at 'message' failed to satisfy constraint: " +
        'Member must have length less than or equal to 4096',
      status: 400,
    });
    const empty = await refusal(client.send(new SignCommand({ ...input, Message: Buffer.alloc(0) })));
    expect(empty.message).to.contain("Value at 'message' failed").and.contain('greater than or equal to 1');
  });

  it("refuses another key spec's algorithm", async () => {
    const { client } = running();
    for (const [keySpec, SigningAlgorithm] of [
      ['ECC_NIST_P384', 'ECDSA_SHA_256'],
      ['ECC_NIST_P256', 'RSASSA_PSS_SHA_256'],
      ['RSA_2048', 'ECDSA_SHA_256'],
      ['RSA_2048', 'ML_DSA_SHAKE_256'],
    ] as const) {
      const input = { KeyId: keyOf(keySpec), Message: randomMessage(), SigningAlgorithm };
      const expected = {
        name: 'InvalidKeyUsageException',
        message: `Algorithm ${SigningAlgorithm} is incompatible with key spec ${keySpec}.`,
        status: 400,
      };
      expect(await refusal(client.send(new SignCommand(input)))).to.deep.equal(expected);
      const verified = client.send(new VerifyCommand({ ...input, Signature: randomMessage() }));
      expect(await refusal(verified)).to.deep.equal(expected);
    }
  });

  it('refuses an algorithm that nobody has', async () => {
    const SigningAlgorithm = 'ECDSA_SHA_1' as SigningAlgorithmSpec;
    const input = { KeyId: keyOf('ECC_NIST_P256'), Message: randomMessage(), SigningAlgorithm };
    const refused = await refusal(running().client.send(new SignCommand(input)));
    expect(refused.name).to.equal('ValidationException');
    expect(refused.message).to.contain(
      "Value 'ECDSA_SHA_1' at 'signingAlgorithm' failed to satisfy constraint",
    );
  });

  it('refuses to sign with an HMAC key', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'HMAC_256');
    const input = { KeyId: keyId, Message: randomMessage(), SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    expect(await refusal(client.send(new SignCommand(input)))).to.deep.equal({
      name: 'InvalidKeyUsageException',
      message: `${arn} key usage is GENERATE_VERIFY_MAC which is not valid for Sign.`,
      status: 400,
    });
    const verified = await refusal(client.send(new VerifyCommand({ ...input, Signature: randomMessage() })));
    expect(verified.message).to.equal(
      `${arn} key usage is GENERATE_VERIFY_MAC which is not valid for Verify.`,
    );
  });

  it('has EXTERNAL_MU for ML-DSA only', async () => {
    const refused = await refusal(
      running().client.send(
        new SignCommand({
          KeyId: keyOf('ECC_NIST_P256'),
          Message: randomMessage(64),
          MessageType: 'EXTERNAL_MU',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      ),
    );
    expect(refused.name).to.equal('ValidationException');
    expect(refused.message).to.contain('EXTERNAL_MU');
  });

  it('reports with DryRun whether it would sign, without signing', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const input = {
      KeyId: keyId,
      Message: randomMessage(),
      SigningAlgorithm: 'ECDSA_SHA_256',
      DryRun: true,
    } as const;
    expect(await refusal(client.send(new SignCommand(input)))).to.deep.equal({
      name: 'DryRunOperationException',
      message: 'The request would have succeeded, but the DryRun option is set.',
      status: 400,
    });
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    expect(await refusal(client.send(new SignCommand(input)))).to.include({
      name: 'DisabledException',
      message: `${arn} is disabled.`,
    });
  });

  it('knows no grants, and so no grant tokens', async () => {
    const refused = await refusal(
      running().client.send(
        new SignCommand({
          KeyId: keyOf('ECC_NIST_P256'),
          Message: randomMessage(),
          SigningAlgorithm: 'ECDSA_SHA_256',
          GrantTokens: ['made-up'],
        }),
      ),
    );
    expect(refused.name).to.equal('InvalidGrantTokenException');
  });
});
