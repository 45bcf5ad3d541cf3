import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { needs } from '../fixtures/needs.ts';
import { run, runningKms } from './running-kms.ts';

/** The `aws` command line speaks to the local KMS as to the real one: nothing but the endpoint is different. */
describe('local KMS: the aws command line', () => {
  needs('aws');
  const running = runningKms();
  let directory = '';

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'local-kms-test-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const environment = (): NodeJS.ProcessEnv => {
    const { region, credentials } = running().kms;
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
    return {
      ...Object.fromEntries(clean),
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_MAX_ATTEMPTS: '1',
    };
  };

  const aws = async (...args: string[]): Promise<string> => {
    const all = ['--endpoint-url', running().kms.endpoint, '--output', 'json', 'kms', ...args];
    return (await run('aws', all, { env: environment() })).stdout;
  };

  const awsJson = async (...args: string[]): Promise<Record<string, unknown>> => {
    return JSON.parse(await aws(...args)) as Record<string, unknown>;
  };

  /** What the command says when it is refused. */
  const awsRefusal = async (...args: string[]): Promise<string> => {
    try {
      await aws(...args);
    } catch (error) {
      if (error instanceof Error && 'stderr' in error) return String(error.stderr).trim();
      throw error;
    }
    return expect.fail('the command succeeded');
  };

  const createKey = async (keySpec: string, keyUsage: string): Promise<string> => {
    const { KeyMetadata } = await awsJson('create-key', '--key-spec', keySpec, '--key-usage', keyUsage);
    expect(KeyMetadata).to.include({ KeySpec: keySpec, KeyUsage: keyUsage, KeyState: 'Enabled' });
    if (typeof KeyMetadata === 'object' && KeyMetadata !== null && 'KeyId' in KeyMetadata) {
      return String(KeyMetadata.KeyId);
    }
    return expect.fail('there is no key id in the answer');
  };

  it('makes a key, names it, and signs a digest with it', async function () {
    this.timeout(60_000);
    const keyId = await createKey('ECC_NIST_P256', 'SIGN_VERIFY');
    expect(await aws('create-alias', '--alias-name', 'alias/cli', '--target-key-id', keyId)).to.equal('');

    const { PublicKey: spki } = await awsJson('get-public-key', '--key-id', 'alias/cli');
    const key = createPublicKey({ key: Buffer.from(String(spki), 'base64'), format: 'der', type: 'spki' });
    const message = Buffer.from('a message');
    const file = path.join(directory, 'digest');
    await writeFile(file, createHash('sha256').update(message).digest());
    const input = [
      ...['--key-id', 'alias/cli', '--message', `fileb://${file}`, '--message-type', 'DIGEST'],
      ...['--signing-algorithm', 'ECDSA_SHA_256'],
    ];
    const { Signature: base64 } = await awsJson('sign', ...input);
    const signature = Buffer.from(String(base64), 'base64');
    expect(verify('sha256', message, key, signature)).to.equal(true);

    const signatureFile = path.join(directory, 'signature');
    await writeFile(signatureFile, signature);
    expect(await awsJson('verify', ...input, '--signature', `fileb://${signatureFile}`)).to.include({
      SignatureValid: true,
    });
    await writeFile(file, createHash('sha256').update('another message').digest());
    const refused = await awsRefusal('verify', ...input, '--signature', `fileb://${signatureFile}`);
    expect(refused).to.contain('(KMSInvalidSignatureException) when calling the Verify operation');
  });

  it('tags keys and lists tags, aliases and keys, by pages of its own', async function () {
    this.timeout(60_000);
    const keyId = await createKey('HMAC_256', 'GENERATE_VERIFY_MAC');
    await aws('tag-resource', '--key-id', keyId, '--tags', 'TagKey=a,TagValue=1', 'TagKey=b,TagValue=2');
    expect(await awsJson('list-resource-tags', '--key-id', keyId, '--page-size', '1')).to.deep.include({
      Tags: [
        { TagKey: 'a', TagValue: '1' },
        { TagKey: 'b', TagValue: '2' },
      ],
    });
    const { Keys } = await awsJson('list-keys', '--page-size', '1');
    expect(Keys).to.be.an('array').with.length(2);
    const { Aliases } = await awsJson('list-aliases');
    expect(Aliases).to.have.nested.property('[0].AliasName', 'alias/cli');
  });

  it('makes and checks MACs', async function () {
    this.timeout(60_000);
    const keyId = await createKey('HMAC_512', 'GENERATE_VERIFY_MAC');
    const file = path.join(directory, 'message');
    await writeFile(file, 'a message');
    const input = ['--key-id', keyId, '--message', `fileb://${file}`, '--mac-algorithm', 'HMAC_SHA_512'];
    const { Mac } = await awsJson('generate-mac', ...input);
    const macFile = path.join(directory, 'mac');
    await writeFile(macFile, Buffer.from(String(Mac), 'base64'));
    expect(await awsJson('verify-mac', ...input, '--mac', `fileb://${macFile}`)).to.include({
      MacValid: true,
    });
  });

  it('disables a key, and schedules and cancels its deletion', async function () {
    this.timeout(60_000);
    const keyId = await createKey('ECC_NIST_P384', 'SIGN_VERIFY');
    await aws('disable-key', '--key-id', keyId);
    const arn = `arn:aws:kms:us-east-1:000000000000:key/${keyId}`;
    expect(await awsRefusal('get-public-key', '--key-id', keyId)).to.contain(
      `An error occurred (DisabledException) when calling the GetPublicKey operation: ${arn} is disabled.`,
    );
    const scheduled = await awsJson(
      'schedule-key-deletion',
      '--key-id',
      keyId,
      '--pending-window-in-days',
      '7',
    );
    expect(scheduled).to.include({ KeyId: arn, KeyState: 'PendingDeletion', PendingWindowInDays: 7 });
    expect(await awsJson('cancel-key-deletion', '--key-id', keyId)).to.deep.equal({ KeyId: arn });
    const { KeyMetadata } = await awsJson('describe-key', '--key-id', keyId);
    expect(KeyMetadata).to.include({ KeyState: 'Disabled', Enabled: false });
    expect(await awsJson('get-key-policy', '--key-id', keyId, '--policy-name', 'default'))
      .to.have.property('Policy')
      .that.contains('arn:aws:iam::000000000000:root');
  });

  it('imports a key that openssl made and wrapped', async function () {
    this.timeout(120_000);
    const file = (name: string): string => path.join(directory, name);
    const { KeyMetadata } = await awsJson(
      ...['create-key', '--origin', 'EXTERNAL', '--key-spec', 'ECC_NIST_P256', '--key-usage', 'SIGN_VERIFY'],
    );
    expect(KeyMetadata).to.include({ KeyState: 'PendingImport', Origin: 'EXTERNAL' });
    const keyId = (KeyMetadata as { KeyId: string }).KeyId;
    const parameters = await awsJson(
      ...['get-parameters-for-import', '--key-id', keyId],
      ...['--wrapping-algorithm', 'RSAES_OAEP_SHA_256', '--wrapping-key-spec', 'RSA_3072'],
    );
    // Seconds, or a date, by the version of the command.
    const validTo = String(parameters['ParametersValidTo']);
    const milliseconds = /^[\d.]+$/.test(validTo) ? Number(validTo) * 1000 : Date.parse(validTo);
    expect(milliseconds).to.be.above(Date.now() + 23 * 3_600_000);
    await writeFile(file('token'), Buffer.from(String(parameters['ImportToken']), 'base64'));
    await writeFile(file('wrapping.der'), Buffer.from(String(parameters['PublicKey']), 'base64'));
    const pem = [
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-out',
      file('key.pem'),
    ];
    await run('openssl', pem);
    const der = ['pkcs8', '-topk8', '-nocrypt', '-in', file('key.pem'), '-outform', 'DER', '-out'];
    await run('openssl', [...der, file('key.der')]);
    await run('openssl', [
      ...[
        'pkeyutl',
        '-encrypt',
        '-in',
        file('key.der'),
        '-out',
        file('wrapped'),
        '-pubin',
        '-keyform',
        'DER',
      ],
      ...[
        '-inkey',
        file('wrapping.der'),
        '-pkeyopt',
        'rsa_padding_mode:oaep',
        '-pkeyopt',
        'rsa_oaep_md:sha256',
      ],
      ...['-pkeyopt', 'rsa_mgf1_md:sha256'],
    ]);
    await aws(
      ...['import-key-material', '--key-id', keyId, '--import-token', `fileb://${file('token')}`],
      ...['--encrypted-key-material', `fileb://${file('wrapped')}`],
      ...['--expiration-model', 'KEY_MATERIAL_DOES_NOT_EXPIRE'],
    );
    const { PublicKey } = await awsJson('get-public-key', '--key-id', keyId);
    const openssl = await run('openssl', ['pkey', '-inform', 'DER', '-in', file('key.der'), '-pubout']);
    const spki = createPublicKey(openssl.stdout).export({ type: 'spki', format: 'der' });
    expect(PublicKey).to.equal(spki.toString('base64'));
    await aws('delete-imported-key-material', '--key-id', keyId);
    const { KeyMetadata: after } = await awsJson('describe-key', '--key-id', keyId);
    expect(after).to.include({ KeyState: 'PendingImport' });
  });

  it('prints refusals as it does those of the real service', async function () {
    this.timeout(60_000);
    expect(await awsRefusal('describe-key', '--key-id', 'alias/absent')).to.contain(
      'An error occurred (NotFoundException) when calling the DescribeKey operation: ' +
        'Alias arn:aws:kms:us-east-1:000000000000:alias/absent is not found.',
    );
    expect(await awsRefusal('generate-random', '--number-of-bytes', '8')).to.contain(
      'An error occurred (UnsupportedOperationException) when calling the GenerateRandom operation',
    );
  });
});
