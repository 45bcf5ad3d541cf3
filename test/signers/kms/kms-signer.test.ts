import {
  CreateAliasCommand,
  DisableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { KmsError } from '../../../lib/signers/kms/client/kms-error.ts';
import { KmsSigner, type KmsSignerOptions } from '../../../lib/signers/kms/kms-signer.ts';
import type { LocalKms } from '../../../lib/local-kms/start.ts';
import { signatureSchemeByName } from '../../../lib/signers/signature-scheme.ts';
import type { PrivateKeyOperation } from '../../../lib/signers/signer.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';
import { when } from '../../fixtures/when.ts';

const message = Buffer.from('what a handshake hashes');

function operation(scheme: PrivateKeyOperation['scheme']): PrivateKeyOperation {
  const hash = signatureSchemeByName(scheme)?.hash ?? '';
  return { scheme, input: createHash(hash).update(message).digest(), inputKind: 'digest' };
}

for (const path of ['fast', 'sdk'] as const)
  describe(`KmsSigner, requests: '${path}'`, () => {
    withoutAwsConfiguration();
    const running = runningKms();
    const kms = (): LocalKms => running().kms;
    const opened: KmsSigner[] = [];

    async function open(keyId: string): Promise<KmsSigner> {
      const signer = await KmsSigner.open({ keyId, requests: path, ...kms().clientOptions });
      opened.push(signer);
      return signer;
    }

    /** What KMS has been asked since its counters were reset. */
    async function requests(): Promise<Record<string, number>> {
      const counted = Object.entries(await kms().counters()).map(
        ([name, { requests: n }]) => [name, n] as const,
      );
      return Object.fromEntries(counted.filter(([, n]) => n > 0));
    }

    /** A client to which something in between shows other answers to one operation than KMS gave. */
    function misledClient(operationName: string, change: object): KMSClient {
      const client = new KMSClient(kms().clientOptions);
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            const result = await next(args);
            if (commandName !== `${operationName}Command`) return result;
            return { ...result, output: { ...result.output, ...change } };
          },
        { step: 'initialize' },
      );
      return client;
    }

    afterEach(async () => {
      for (const signer of opened.splice(0)) signer.close();
      await kms().behave();
    });

    for (const spec of [
      'ECC_NIST_P256',
      'ECC_NIST_P384',
      'ECC_NIST_P521',
      'RSA_2048',
      'RSA_3072',
      'RSA_4096',
    ] as const) {
      it(`signs with an ${spec} key under every scheme that TLS can ask it for, as OpenSSL verifies`, async () => {
        const { arn } = await createKey(running().client, spec);
        const signer = await open(arn);
        expect(signer).to.include({ keyArn: arn, keySpec: spec });
        expect(signer.schemes).to.have.lengthOf(spec.startsWith('ECC') ? 3 : 6);
        for (const scheme of signer.schemes) {
          const signature = await signer.sign(operation(scheme));
          expect(verifiesUnder(scheme, message, signer.publicKey, signature), scheme).to.equal(true);
        }
      }).timeout(60_000);
    }

    describe('finds its key', () => {
      it('by id, ARN, alias and alias ARN', async () => {
        const { keyId, arn } = await createKey(running().client, 'ECC_NIST_P256');
        await running().client.send(
          new CreateAliasCommand({ AliasName: 'alias/four-ways', TargetKeyId: keyId }),
        );
        const aliasArn = arn.replace(`key/${keyId}`, 'alias/four-ways');
        for (const name of [keyId, arn, 'alias/four-ways', aliasArn]) {
          expect((await open(name)).keyArn, name).to.equal(arn);
        }
      });

      it('once: an alias that is moved later does not change the key it signs with', async () => {
        const first = await createKey(running().client, 'ECC_NIST_P256');
        const second = await createKey(running().client, 'ECC_NIST_P256');
        await running().client.send(
          new CreateAliasCommand({ AliasName: 'alias/moved-later', TargetKeyId: first.keyId }),
        );
        const signer = await open('alias/moved-later');
        await running().client.send(
          new UpdateAliasCommand({ AliasName: 'alias/moved-later', TargetKeyId: second.keyId }),
        );
        const signature = await signer.sign(operation('ecdsa_secp256r1_sha256'));
        expect(verifiesUnder('ecdsa_secp256r1_sha256', message, signer.publicKey, signature)).to.equal(true);
        expect(signer.keyArn).to.equal(first.arn);
      });

      it('with one request, and signs with one request', async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        await kms().resetCounters();
        const signer = await open(arn);
        await signer.sign(operation('ecdsa_secp256r1_sha256'));
        expect(await requests()).to.deep.equal({ GetPublicKey: 1, Sign: 1 });
      });

      it('in the Region that its ARN names', async () => {
        const { endpoint, region, credentials } = kms();
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        expect(region).to.equal('us-east-1');
        const signer = await KmsSigner.open({ keyId: arn, endpoint, credentials });
        opened.push(signer);
        expect(signer.keyArn).to.equal(arn);
        const elsewhere = await rejectionOf(
          KmsSigner.open({ keyId: arn, endpoint, credentials, region: 'eu-west-1' }),
        );
        expect(elsewhere).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'region' });
      });

      it("where the SDK's own environment variables say", async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        const { accessKeyId, secretAccessKey } = kms().credentials;
        Object.assign(process.env, {
          AWS_ENDPOINT_URL_KMS: kms().endpoint,
          AWS_REGION: kms().region,
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
        });
        const signer = await KmsSigner.open({ keyId: arn });
        opened.push(signer);
        expect(signer.keyArn).to.equal(arn);
      });
    });

    describe('refuses to open', () => {
      it('a key for MACs', async () => {
        const { arn } = await createKey(running().client, 'HMAC_256');
        const error = await rejectionOf(open(arn));
        expect(error).to.be.instanceOf(KmsError).and.include({
          code: 'ERR_S2N_PKEY_KMS_KEY_USAGE',
          kmsErrorName: 'UnsupportedOperationException',
        });
        expect(error).to.have.property('message').that.includes('--key-usage SIGN_VERIFY');
      });

      for (const { key, answer, code, words } of [
        {
          key: 'a key for encryption',
          answer: { KeyUsage: 'ENCRYPT_DECRYPT' },
          code: 'ERR_S2N_PKEY_KMS_KEY_USAGE',
          words: 'is a key for ENCRYPT_DECRYPT: TLS needs one with KeyUsage SIGN_VERIFY',
        },
        {
          key: 'a key on a curve that TLS does not use',
          answer: { KeySpec: 'ECC_SECG_P256K1' },
          code: 'ERR_S2N_PKEY_KMS_KEY_SPEC',
          words: 'make a key of one of ECC_NIST_P256, ECC_NIST_P384',
        },
        {
          key: 'a public key that is not of the spec that KMS names',
          answer: { KeySpec: 'ECC_NIST_P521' },
          code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
          words: 'is not of its KeySpec ECC_NIST_P521',
        },
        {
          key: 'a bare key id in place of an ARN, as emulators give it',
          answer: { KeyId: '1234abcd-12ab-34cd-56ef-1234567890ab' },
          code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
          words:
            "its KeyId is '1234abcd-12ab-34cd-56ef-1234567890ab', where AWS KMS answers with the key's ARN. The endpoint is an emulator",
        },
        {
          key: 'an answer without KeySpec, as emulators give it',
          answer: { KeySpec: undefined },
          code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
          words: 'it has no KeySpec for',
        },
        {
          key: 'an answer without KeyUsage',
          answer: { KeyUsage: undefined },
          code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
          words: 'The endpoint is an emulator',
        },
        {
          key: 'a public key that cannot be read',
          answer: { PublicKey: Uint8Array.of(0x30, 0x00) },
          code: 'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
          words: 'Check what stands between this machine and KMS',
        },
      ]) {
        it(key, async () => {
          const { arn } = await createKey(running().client, 'ECC_NIST_P256');
          const client = misledClient('GetPublicKey', answer);
          const error = await rejectionOf(KmsSigner.open({ keyId: arn, client }));
          expect(error).to.be.instanceOf(KmsError).and.include({ code, keyId: arn });
          expect(error).to.have.property('message').that.includes(words);
          client.destroy();
        });
      }

      it('a disabled key', async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        await running().client.send(new DisableKeyCommand({ KeyId: arn }));
        const error = await rejectionOf(open(arn));
        expect(error).to.include({
          code: 'ERR_S2N_PKEY_KMS_KEY_DISABLED',
          kmsErrorName: 'DisabledException',
        });
        expect(error).to.have.property('message').that.includes('aws kms enable-key');
      });

      it('a key that is to be deleted', async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        await running().client.send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }));
        const error = await rejectionOf(open(arn));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_PENDING_DELETION' });
        expect(error).to.have.property('message').that.includes('cancel-key-deletion');
      });

      it('a key that is not there, keeping what AWS calls it and its request id', async () => {
        const error = await rejectionOf(open('alias/nobody-made-this'));
        expect(error).to.include({
          code: 'ERR_S2N_PKEY_KMS_NOT_FOUND',
          operation: 'GetPublicKey',
          keyId: 'alias/nobody-made-this',
          kmsErrorName: 'NotFoundException',
        });
        expect(error)
          .to.have.property('requestId')
          .that.matches(/^[0-9a-f-]{36}$/);
        expect(error).to.have.nested.property('cause.name', 'NotFoundException');
      });

      it('with credentials that are wrong, or that are not there', async () => {
        const { endpoint, region } = kms();
        const credentials = { accessKeyId: 'AKIAWRONG', secretAccessKey: 'wrong' };
        const wrong = await rejectionOf(
          KmsSigner.open({ keyId: 'alias/any', endpoint, region, credentials }),
        );
        expect(wrong).to.include({ code: 'ERR_S2N_PKEY_KMS_CREDENTIALS' });
        const none = await rejectionOf(KmsSigner.open({ keyId: 'alias/any', endpoint, region }));
        expect(none).to.include({ code: 'ERR_S2N_PKEY_KMS_CREDENTIALS', kmsErrorName: undefined });
        expect(none).to.have.property('message').that.includes('AWS_ACCESS_KEY_ID');
      });

      it('without a Region', async () => {
        const { endpoint, credentials } = kms();
        const error = await rejectionOf(KmsSigner.open({ keyId: 'alias/any', endpoint, credentials }));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_REGION' });
        expect(error).to.have.property('message').that.includes('AWS_REGION');
      });

      it('where nothing listens', async () => {
        const server = createServer().listen(0, '127.0.0.1');
        await new Promise((resolve) => server.once('listening', resolve));
        const { port } = server.address() as AddressInfo;
        await new Promise((resolve) => server.close(resolve));
        const options = { ...kms().clientOptions, endpoint: `http://127.0.0.1:${port}` };
        const error = await rejectionOf(KmsSigner.open({ keyId: 'alias/any', ...options }));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_UNREACHABLE' });
        expect(error).to.have.property('message').that.includes('ECONNREFUSED');
      });

      it('when KMS does not answer in time', async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        await kms().misbehave({ kind: 'hang', operations: ['GetPublicKey'] });
        const error = await rejectionOf(open(arn));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_TIMEOUT' });
      });

      it('with options that mean nothing, by name', async () => {
        const client = running().client;
        const { arn: keyId } = await createKey(client, 'ECC_NIST_P256');
        const refused: readonly [option: string, options: object][] = [
          ['keyId', {}],
          ['keyId', { keyId: '' }],
          ['keyId', { keyId: 'my key' }],
          ['region', { keyId, region: 'Ireland' }],
          ['endpoint', { keyId, endpoint: 'localhost:4566' }],
          ['client', { keyId, client: {} }],
          ['region', { keyId, client, region: 'us-east-1' }],
          ['endpoint', { keyId, client, endpoint: kms().endpoint }],
          ['credentials', { keyId, client, credentials: kms().credentials }],
        ];
        for (const [option, options] of refused) {
          const error = await rejectionOf(KmsSigner.open(options as KmsSignerOptions));
          expect(error, JSON.stringify(option)).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
        }
      });
    });

    describe('when a signature fails', () => {
      let signer: KmsSigner;
      const asked = operation('ecdsa_secp256r1_sha256');

      beforeEach(async () => {
        const { arn } = await createKey(running().client, 'ECC_NIST_P256');
        signer = await open(arn);
      });

      it('asks twice more, and no more often', async () => {
        await kms().misbehave({ kind: 'internal-error', count: 2 });
        const signature = await signer.sign(asked);
        expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
        await kms().misbehave({ kind: 'internal-error', count: 3 });
        const error = await rejectionOf(signer.sign(asked));
        expect(error).to.include({
          code: 'ERR_S2N_PKEY_KMS_UNAVAILABLE',
          keyId: signer.keyArn,
          operation: 'Sign',
        });
      });

      for (const [kind, code, words] of [
        ['throttle', 'ERR_S2N_PKEY_KMS_THROTTLED', 'have the quota raised'],
        ['disabled-key', 'ERR_S2N_PKEY_KMS_KEY_DISABLED', 'aws kms enable-key'],
        ['expired-credentials', 'ERR_S2N_PKEY_KMS_CREDENTIALS', 'renew them'],
        ['reset', 'ERR_S2N_PKEY_KMS_UNREACHABLE', 'Check the network'],
        ['truncate', 'ERR_S2N_PKEY_KMS_UNREACHABLE', 'Check the network'],
        ['hang', 'ERR_S2N_PKEY_KMS_TIMEOUT', 'Check the network'],
      ] as const) {
        it(`${kind}: ${code}`, async () => {
          await kms().misbehave({ kind });
          const error = await rejectionOf(signer.sign(asked));
          expect(error).to.be.instanceOf(KmsError).and.include({ code });
          expect(error).to.have.property('message').that.includes(words).and.includes(signer.keyArn);
          expect(error).to.have.property('cause').that.is.instanceOf(Error);
        });
      }

      const underWay = async (): Promise<number> => (await kms().counters())['Sign']?.inFlight ?? 0;

      it('sends a hundred requests at once, and ends all of them when they are aborted', async () => {
        await kms().misbehave({ kind: 'hang' });
        const aborts = Array.from({ length: 100 }, () => new AbortController()); // One for each handshake.
        const signatures = aborts.map(({ signal }) => rejectionOf(signer.sign(asked, { signal })));
        await when('a hundred requests', underWay, (count) => count === 100);
        for (const abort of aborts) abort.abort(new Error('the server closes'));
        for (const error of await Promise.all(signatures)) {
          expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
        }
        await when('the end of all requests', underWay, (count) => count === 0);
      });

      it('ends the request when it is aborted', async () => {
        await kms().misbehave({ kind: 'hang' });
        const abort = new AbortController();
        const signed = rejectionOf(signer.sign(asked, { signal: abort.signal }));
        await when('the request', underWay, (count) => count === 1);
        abort.abort(new Error('the peer left'));
        expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
        await when('its end', underWay, (count) => count === 0);
      });

      it('asks nothing for a handshake that is over, and nothing that the key cannot do', async () => {
        await kms().resetCounters();
        const aborted = await rejectionOf(signer.sign(asked, { signal: AbortSignal.abort() }));
        expect(aborted).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
        const wrong = await rejectionOf(signer.sign({ ...asked, scheme: 'rsa_pss_rsae_sha256' }));
        expect(wrong).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
        expect(await requests()).to.deep.equal({});
      });

      it('does not use an answer for another key', async () => {
        const client = misledClient('Sign', { KeyId: `${signer.keyArn}x` });
        const misled = await KmsSigner.open({ keyId: signer.keyArn, client });
        const error = await rejectionOf(misled.sign(asked));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_WRONG_KEY' });
        client.destroy();
      });
    });
  });
