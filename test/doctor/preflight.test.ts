import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
  type KeySpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { PreflightError } from '../../lib/doctor/finding.ts';
import { preflight, type PreflightOptions } from '../../lib/doctor/preflight.ts';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity } from '../fixtures/identity.ts';
import { withoutAwsConfiguration } from '../signers/kms/aws-environment.ts';
import { createKey, runningKms } from '../local-kms/running-kms.ts';

const DAY = 24 * 60 * 60 * 1000;

/** The codes of the faults that a server is not started for. */
async function faultsOf(options: PreflightOptions): Promise<string[]> {
  try {
    await preflight(options);
    return [];
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    for (const { message, whatToDo, severity } of error.faults) {
      expect(severity).to.equal('fault');
      expect(message).to.have.length.above(10);
      expect(whatToDo).to.have.length.above(10);
      expect(error.message).to.contain(message).and.to.contain(whatToDo);
    }
    return error.faults.map(({ code }) => code);
  }
}

describe('preflight', function () {
  this.timeout(60_000);
  withoutAwsConfiguration();
  const running = runningKms();
  const opened: KmsSigner[] = [];
  after(() => {
    for (const signer of opened) signer.close();
  });

  interface Site {
    readonly keyId: string;
    readonly arn: string;
    readonly signer: KmsSigner;
    readonly cert: string;
  }

  async function site(spec: KeySpec = 'ECC_NIST_P256', validity: object = {}): Promise<Site> {
    const { client, kms } = running();
    const { keyId, arn } = await createKey(client, spec);
    const signer = await KmsSigner.open({ keyId, ...kms.clientOptions });
    opened.push(signer);
    const altNames = { dns: ['site.example', '*.site.example'], ip: ['192.0.2.1'] };
    const cert = await createSelfSignedCertificate({ signer, subject: 'CN=site', altNames, ...validity });
    return { keyId, arn, signer, cert };
  }

  describe('finds no fault in', () => {
    it('a key, its certificate and the default policy, through an alias', async () => {
      const { client, kms } = running();
      const { keyId, arn, cert } = await site('ECC_NIST_P384');
      await client.send(new CreateAliasCommand({ AliasName: 'alias/in-order', TargetKeyId: keyId }));
      const servernames = ['site.example', 'www.site.example', '192.0.2.1'];
      const report = await preflight({
        keyId: 'alias/in-order',
        cert,
        servernames,
        ...kms.clientOptions,
      });
      expect(report).to.include({ keyArn: arn, keySpec: 'ECC_NIST_P384' });
      expect(report.protocols).to.deep.equal([
        {
          protocol: 'TLSv1.2',
          schemes: ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'],
        },
        { protocol: 'TLSv1.3', schemes: ['ecdsa_secp384r1_sha384'] },
      ]);
      expect(report.signingAlgorithms).to.deep.equal(['ECDSA_SHA_384']);
      expect(report.warnings.map(({ code }) => code)).to.deep.equal(['CERTIFICATE_SELF_SIGNED']);
    });

    it('an RSA key, and lists the algorithms that handshakes may use, without a signature', async () => {
      const { kms } = running();
      const { signer, cert } = await site('RSA_2048');
      await kms.resetCounters();
      const report = await preflight({ signer, cert });
      expect(report.signingAlgorithms).to.include('RSASSA_PSS_SHA_256');
      const { Sign } = await kms.counters();
      expect(Sign?.outcomes['ok'] ?? 0).to.equal(0);
    });

    it('a policy with one protocol version', async () => {
      const { signer, cert } = await site();
      const { protocols } = await preflight({ signer, cert, minVersion: 'TLSv1.3' });
      expect(protocols.map(({ protocol }) => protocol)).to.deep.equal(['TLSv1.3']);
    });

    it('a key that is not in KMS, which signs once', async () => {
      const { key, cert } = identity('P-256');
      const report = await preflight({
        signer: new LocalKeySigner({ key }),
        cert,
        servernames: ['localhost'],
      });
      expect(report.keyArn).to.equal(undefined);
    });
  });

  describe('finds a fault in', () => {
    it('an alias that does not exist', async () => {
      const { kms } = running();
      const { cert } = await site();
      expect(await faultsOf({ keyId: 'alias/nowhere', cert, ...kms.clientOptions })).to.deep.equal([
        'KMS_NOT_FOUND',
      ]);
    });

    it('an alias that was moved to another key since the signer was opened', async () => {
      const { client, kms } = running();
      const [first, second] = [await site(), await site()];
      await client.send(new CreateAliasCommand({ AliasName: 'alias/moved', TargetKeyId: first.keyId }));
      const signer = await KmsSigner.open({ keyId: 'alias/moved', ...kms.clientOptions });
      opened.push(signer);
      await client.send(new UpdateAliasCommand({ AliasName: 'alias/moved', TargetKeyId: second.keyId }));
      const faults = await faultsOf({ signer, keyId: 'alias/moved', cert: first.cert });
      expect(faults).to.deep.equal(['KEY_MOVED', 'KEY_MISMATCH']);
    });

    it('a key that is disabled, or pending deletion', async () => {
      const { client } = running();
      const disabled = await site();
      await client.send(new DisableKeyCommand({ KeyId: disabled.keyId }));
      expect(await faultsOf({ signer: disabled.signer, cert: disabled.cert })).to.deep.equal([
        'KMS_KEY_DISABLED',
      ]);
      const going = await site();
      await client.send(new ScheduleKeyDeletionCommand({ KeyId: going.keyId }));
      expect(await faultsOf({ signer: going.signer, cert: going.cert })).to.deep.equal([
        'KMS_KEY_PENDING_DELETION',
      ]);
    });

    it('a key with another usage', async () => {
      const { client, kms } = running();
      const { cert } = await site();
      const { KeyMetadata: mac } = await client.send(
        new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }),
      );
      const faults = await faultsOf({ keyId: mac?.Arn ?? '', cert, ...kms.clientOptions });
      expect(faults[0]).to.equal('KMS_KEY_USAGE');
    });

    it('the certificate of another key', async () => {
      const [one, other] = [await site(), await site()];
      expect(await faultsOf({ signer: one.signer, cert: other.cert })).to.deep.equal(['KEY_MISMATCH']);
    });

    it('the permission to sign, for only the algorithms that are denied', async () => {
      const { client } = running();
      const { signer, cert, keyId } = await site('RSA_2048');
      const allow = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' };
      const deny = {
        ...allow,
        Effect: 'Deny',
        Action: 'kms:Sign',
        Condition: { StringLike: { 'kms:SigningAlgorithm': 'RSASSA_PKCS1*' } },
      };
      const Policy = JSON.stringify({ Statement: [allow, deny] });
      await client.send(new PutKeyPolicyCommand({ KeyId: keyId, Policy }));
      let refused: unknown;
      await preflight({ signer, cert }).catch((error: unknown) => (refused = error));
      expect(refused).to.be.instanceOf(PreflightError);
      const [only, ...more] = refused instanceof PreflightError ? refused.faults : [];
      expect(more).to.deep.equal([]);
      expect(only?.code).to.equal('KMS_ACCESS_DENIED');
      expect(only?.message).to.contain('RSASSA_PKCS1_V1_5_SHA_256').and.not.to.contain('RSASSA_PSS');
    });

    it('the permission to read the public key', async () => {
      const { client, kms } = running();
      const { cert, keyId } = await site();
      const Policy = JSON.stringify({
        Statement: [{ Effect: 'Allow', Principal: '*', Action: 'kms:Sign', Resource: '*' }],
      });
      await client.send(new PutKeyPolicyCommand({ KeyId: keyId, Policy }));
      expect(await faultsOf({ keyId, cert, ...kms.clientOptions })).to.deep.equal(['KMS_ACCESS_DENIED']);
    });

    it('the credentials, the Region, and an unreachable KMS', async () => {
      const { kms } = running();
      const { cert, arn } = await site();
      const credentials = { ...kms.credentials, secretAccessKey: 'wrong' };
      expect(await faultsOf({ keyId: arn, cert, ...kms.clientOptions, credentials })).to.deep.equal([
        'KMS_CREDENTIALS',
      ]);
      expect(await faultsOf({ keyId: 'alias/site', cert })).to.deep.equal(['KMS_REGION']);
      const endpoint = 'http://127.0.0.1:1';
      expect(await faultsOf({ keyId: arn, cert, ...kms.clientOptions, endpoint })).to.deep.equal([
        'KMS_UNREACHABLE',
      ]);
    });

    it('a policy that cannot be used with the key, or does not exist', async () => {
      const { signer, cert } = await site();
      expect(await faultsOf({ signer, cert, securityPolicy: 'no-such-policy' })).to.deep.equal([
        'SECURITY_POLICY',
      ]);
    });

    it('the dates of the certificate', async () => {
      const past = await site('ECC_NIST_P256', {
        notBefore: new Date(Date.now() - 3 * DAY),
        notAfter: new Date(Date.now() - DAY),
      });
      expect(await faultsOf(past)).to.deep.equal(['CERTIFICATE_EXPIRED']);
      const future = await site('ECC_NIST_P256', { notBefore: new Date(Date.now() + DAY) });
      expect(await faultsOf(future)).to.deep.equal(['CERTIFICATE_NOT_YET_VALID']);
      const soon = await site('ECC_NIST_P256', { validDays: 5 });
      const { warnings } = await preflight(soon);
      expect(warnings.map(({ code }) => code)).to.include('CERTIFICATE_EXPIRES_SOON');
      const calm = await preflight({ ...soon, expiryWarningDays: 1 });
      expect(calm.warnings.map(({ code }) => code)).not.to.include('CERTIFICATE_EXPIRES_SOON');
    });

    it('its names: each requested one that it does not cover', async () => {
      const { signer, cert } = await site();
      const servernames = ['site.example', 'other.example', 'a.b.site.example', '192.0.2.9'];
      expect(await faultsOf({ signer, cert, servernames })).to.deep.equal(
        Array.from({ length: 3 }, () => 'CERTIFICATE_NAME'),
      );
      const unnamed = await createSelfSignedCertificate({
        signer,
        subject: 'CN=no host',
        extendedKeyUsage: ['clientAuth'],
      });
      expect(await faultsOf({ signer, cert: unnamed })).to.deep.equal([
        'CERTIFICATE_WITHOUT_NAMES',
        'CERTIFICATE_USAGE',
      ]);
    });

    it('an extended key usage of only anyExtendedKeyUsage: browsers and s2n-tls require serverAuth', async () => {
      const { signer } = await site();
      const altNames = { dns: ['site.example'] };
      const any = '2.5.29.37.0';
      for (const [extendedKeyUsage, faults] of [
        [[any], ['CERTIFICATE_USAGE']],
        [[any, 'serverAuth'], []],
      ] as const) {
        const cert = await createSelfSignedCertificate({
          signer,
          subject: 'CN=any',
          altNames,
          extendedKeyUsage,
        });
        expect(await faultsOf({ signer, cert })).to.deep.equal(faults);
      }
    });

    it('no name that clients accept: under a wildcard, in its own script, with a final dot', async () => {
      const { signer } = await site();
      const altNames = { dns: ['*.site.example', 'xn--mnchen-3ya.example', '*.xn--mnchen-3ya.example'] };
      const cert = await createSelfSignedCertificate({ signer, subject: 'CN=names', altNames });
      const servernames = ['my_app.site.example', '_x.site.example', 'a.site.example.', 'MÜNCHEN.example'];
      const others = ['münchen.example.', 'www.münchen.example', 'a_b.münchen.example'];
      expect(await faultsOf({ signer, cert, servernames: [...servernames, ...others] })).to.deep.equal([]);
      const wrong = [
        'a_b.c.site.example',
        'site.example',
        'a_b.other.example',
        'mönchen.example',
        '.',
        '*_.site.example',
      ];
      expect(await faultsOf({ signer, cert, servernames: wrong })).to.deep.equal(
        wrong.map(() => 'CERTIFICATE_NAME'),
      );
    });

    it('a chain that does not fit the first window of TCP', async () => {
      const { signer } = await site();
      const dns = (count: number): string[] =>
        Array.from({ length: count }, (_, at) => `host-${at}.department.site.example`);
      const codesOf = async (count: number): Promise<string[]> => {
        const altNames = { dns: dns(count) };
        const cert = await createSelfSignedCertificate({ signer, subject: 'CN=site.example', altNames });
        return (await preflight({ signer, cert })).warnings.map(({ code }) => code);
      };
      expect(await codesOf(300)).not.to.include('CHAIN_SIZE');
      expect(await codesOf(500)).to.include('CHAIN_SIZE');
    });

    it('the order of the chain, and its gaps', async () => {
      const { signer } = await site();
      const root = await Authority.create('root');
      const upper = await root.intermediate('upper');
      const lower = await upper.intermediate('lower');
      const issued = await lower.issue({ name: 'site', dns: ['site.example'], publicKey: signer.publicKey });
      const blocks = issued.cert.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n?/g) ?? [];
      const [leaf = '', first = '', second = ''] = blocks;
      expect(await faultsOf({ signer, cert: [leaf, first, second].join('\n') })).to.deep.equal([]);
      expect(await faultsOf({ signer, cert: [leaf, second, first].join('\n') })).to.deep.equal([
        'CHAIN_ORDER',
      ]);
      const alone = await preflight({ signer, cert: leaf });
      expect(alone.warnings.map(({ code }) => code)).to.include('CHAIN_INCOMPLETE');
      const stray = await preflight({ signer, cert: [leaf, first, second, (await site()).cert].join('\n') });
      expect(stray.warnings.map(({ code }) => code)).to.include('CHAIN_UNRELATED');
      const expired = await lower.issue({
        name: 'site',
        dns: ['site.example'],
        publicKey: signer.publicKey,
        validity: 'expired',
      });
      expect(await faultsOf({ signer, cert: expired.cert })).to.deep.equal(['CERTIFICATE_EXPIRED']);
    });

    it('an unreadable certificate, and a private key in its file', async () => {
      const { signer } = await site();
      expect(await faultsOf({ signer, cert: 'nothing' })).to.deep.equal(['CERTIFICATE_INVALID']);
      const { key, cert } = identity('P-256');
      expect(await faultsOf({ signer, cert: `${key}${cert}` })).to.deep.equal(['PRIVATE_KEY_IN_CERTIFICATE']);
    });

    it('an option that createServer refuses', async () => {
      const { signer, cert } = await site();
      expect(await faultsOf({ signer, cert, handshakeTimeout: -1 })).to.deep.equal(['INVALID_OPTION']);
    });

    it('a signer that does not sign, or signs with another key', async () => {
      const { key, cert } = identity('P-256');
      const right = new LocalKeySigner({ key });
      const { publicKey, schemes } = right;
      const dead = { publicKey, schemes, sign: () => Promise.reject(new Error('the HSM is gone')) };
      expect(await faultsOf({ signer: dead, cert })).to.deep.equal(['FAILED']);
      const other = new LocalKeySigner({ key: identity('P-256', 'other.example').key });
      const wrong = { publicKey, schemes, sign: other.sign.bind(other) };
      expect(await faultsOf({ signer: wrong, cert })).to.deep.equal(['SIGNATURE_INVALID']);
    });
  });

  it('reports all faults together', async () => {
    const { client } = running();
    const { signer, keyId } = await site();
    const other = await site('ECC_NIST_P384', {
      notBefore: new Date(Date.now() - 3 * DAY),
      notAfter: new Date(Date.now() - DAY),
    });
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    const faults = await faultsOf({
      signer,
      cert: other.cert,
      securityPolicy: 'no-such-policy',
      servernames: ['other.example'],
      handshakeTimeout: 0,
    });
    expect(faults).to.have.members([
      'KMS_KEY_DISABLED',
      'KEY_MISMATCH',
      'CERTIFICATE_EXPIRED',
      'CERTIFICATE_NAME',
      'SECURITY_POLICY',
      'INVALID_OPTION',
    ]);
  });
});
