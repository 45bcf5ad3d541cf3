import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteImportedKeyMaterialCommand,
  DescribeKeyCommand,
  KMSServiceException,
  ListKeysCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { importKey, KmsSigner, LocalKeySigner, createSelfSignedCertificate } from '../../../../lib/index.ts';
import { runningKms } from '../../../local-kms/running-kms.ts';
import { rejectionOf } from '../../rejection.ts';
import { withoutAwsConfiguration } from '../aws-environment.ts';
import { clientWith, refusingClient } from '../refusing-client.ts';

const make = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  'P-521': () => generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  'RSA-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
} as const;

const pem = (key: KeyObject): Buffer => Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }).toString());

function kmsFailure(name: string): KMSServiceException {
  const $metadata = { httpStatusCode: 400, requestId: '0', attempts: 1 };
  return new KMSServiceException({ name, message: name, $fault: 'client', $metadata });
}

describe('importKey', function () {
  this.timeout(60_000); // the local KMS makes a wrapping key of 4096 bits, once
  withoutAwsConfiguration();
  const running = runningKms();
  const client = (): KMSClient => running().client;
  const keyCount = async (): Promise<number> =>
    (await client().send(new ListKeysCommand({}))).Keys?.length ?? 0;

  for (const [kind, generate] of Object.entries(make)) {
    it(`brings a ${kind} key into KMS, with which its certificate is served on`, async () => {
      const { privateKey, publicKey } = generate();
      const local = new LocalKeySigner({ key: pem(privateKey) });
      const cert = await createSelfSignedCertificate({ signer: local, subject: 'CN=site.example' });
      const steps: string[] = [];
      const alias = `alias/import-${kind}`;
      const imported = await importKey(client(), {
        key: pem(privateKey),
        cert,
        alias,
        description: 'brought along',
        onStep: (step) => steps.push(step),
      });
      expect(steps).to.deep.equal(['create', 'wrap', 'import', 'prove']);
      expect(imported).to.deep.include({ action: 'create', dryRun: false });
      expect(imported.key).to.deep.include({
        state: 'Enabled',
        origin: 'EXTERNAL',
        description: 'brought along',
        multiRegion: false,
        validTo: undefined,
      });
      const signer = await KmsSigner.open({ keyId: alias, client: client() });
      expect(signer.publicKey.equals(publicKey)).to.equal(true);
      signer.close();
    });
  }

  it('reads an encrypted key, and one of PKCS#1 in UTF-16', async () => {
    const { privateKey, publicKey } = make['RSA-2048']();
    const encrypted = privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'a word' })
      .toString();
    expect(
      await rejectionOf(importKey(client(), { key: encrypted, alias: 'alias/encrypted' })),
    ).to.have.property('code', 'ERR_S2N_PKEY_PASSPHRASE');
    const { key } = await importKey(client(), {
      ...{ key: encrypted, passphrase: 'a word', alias: 'alias/encrypted', multiRegion: true },
    });
    expect(key).to.include({ multiRegion: true }).and.to.have.property('keyId').that.matches(/^mrk-/);
    const utf16 = Buffer.from(
      `\ufeff${privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()}`,
      'utf16le',
    );
    const again = await importKey(client(), { key: utf16, alias: 'alias/encrypted' });
    expect(again.action).to.equal('none');
    expect(createPublicKey(privateKey).equals(publicKey)).to.equal(true);
  });

  it('changes nothing in a dry run, and says what it would do', async () => {
    const { privateKey } = make['P-256']();
    const key = pem(privateKey);
    const before = await keyCount();
    const planned = await importKey(client(), { key, alias: 'alias/dry', dryRun: true });
    expect(planned).to.deep.include({
      action: 'create',
      dryRun: true,
      key: undefined,
      keySpec: 'ECC_NIST_P256',
    });
    expect(planned.fingerprint).to.match(/^[0-9a-f]{64}$/);
    expect(await keyCount()).to.equal(before);
    await importKey(client(), { key, alias: 'alias/dry' });
    expect((await importKey(client(), { key, alias: 'alias/dry', dryRun: true })).action).to.equal('none');
  });

  it('refuses keys that KMS cannot hold, and a certificate for another key, before it asks KMS', async () => {
    const before = await keyCount();
    const certificate = await createSelfSignedCertificate({
      signer: new LocalKeySigner({ key: pem(make['P-256']().privateKey) }),
      subject: 'CN=site.example',
    });
    for (const [privateKey, code, words] of [
      [generateKeyPairSync('ed25519').privateKey, 'ERR_S2N_PKEY_KEY_INVALID', 'Ed25519'],
      [
        generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
        'ERR_S2N_PKEY_KEY_INVALID',
        'an RSA key of 1024 bits',
      ],
      [
        generateKeyPairSync('rsa', { modulusLength: 2560 }).privateKey,
        'ERR_S2N_PKEY_KEY_INVALID',
        'which AWS KMS cannot import',
      ],
      [
        generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
        'ERR_S2N_PKEY_KEY_INVALID',
        'an EC key on secp256k1',
      ],
      [make['P-256']().privateKey, 'ERR_S2N_PKEY_KEY_MISMATCH', 'another key'],
    ] as const) {
      const options = { key: pem(privateKey), alias: 'alias/unfit', cert: certificate };
      const error = await rejectionOf(importKey(client(), options));
      expect(error).to.have.property('code', code);
      expect(error).to.have.property('message').that.includes(words);
      expect(String(error)).not.to.contain('PRIVATE KEY-----\n');
    }
    expect(await keyCount()).to.equal(before);
  });

  it('goes on after a failure half-way, with the key that waits', async () => {
    const { privateKey } = make['P-384']();
    const options = { key: pem(privateKey), alias: 'alias/resumed' };
    for (const operation of ['GetParametersForImport', 'ImportKeyMaterial']) {
      const before = await keyCount();
      const error = await rejectionOf(importKey(refusingClient(running().kms, operation), options));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED' });
      expect(error).to.have.property('message').that.includes('waits for the key: import it again');
      expect(await keyCount()).to.equal(operation === 'ImportKeyMaterial' ? before : before + 1);
    }
    const steps: string[] = [];
    const done = await importKey(client(), { ...options, onStep: (step) => steps.push(step) });
    expect(done.action).to.equal('import');
    expect(steps).to.deep.equal(['wrap', 'import', 'prove']);
  });

  it('requests another token, once, where KMS no longer takes the first', async () => {
    const { privateKey } = make['P-256']();
    let refusals = 0;
    const expiring = (most: number): KMSClient =>
      clientWith(running().kms, 'ImportKeyMaterial', () => {
        if (++refusals <= most) throw kmsFailure('ExpiredImportTokenException');
      });
    const steps: string[] = [];
    const options = { key: pem(privateKey), alias: 'alias/tokens' };
    const error = await rejectionOf(importKey(expiring(2), options));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_IMPORT_TOKEN' });
    refusals = 0;
    await importKey(expiring(1), { ...options, onStep: (step) => steps.push(step) });
    expect(steps).to.deep.equal(['wrap', 'import', 'token', 'wrap', 'import', 'prove']);
  });

  it('imports the same key again after its material is gone, and changes when it expires', async () => {
    const { privateKey } = make['P-256']();
    const options = { key: pem(privateKey), alias: 'alias/expiring' };
    const validTo = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
    const { key } = await importKey(client(), { ...options, validTo });
    expect(key?.validTo).to.deep.equal(validTo);
    const keyId = key?.arn ?? '';
    await client().send(new DeleteImportedKeyMaterialCommand({ KeyId: keyId }));
    const opening = await rejectionOf(KmsSigner.open({ keyId, client: client() }));
    expect(opening).to.include({ code: 'ERR_S2N_PKEY_KMS_PENDING_IMPORT' });
    const again = await importKey(client(), { key: options.key, keyId });
    expect(again.action).to.equal('import');
    expect(again.key).to.include({ state: 'Enabled', validTo: undefined });
    const other = pem(make['P-256']().privateKey);
    await client().send(new DeleteImportedKeyMaterialCommand({ KeyId: keyId }));
    expect(await rejectionOf(importKey(client(), { key: other, keyId }))).to.include({
      code: 'ERR_S2N_PKEY_KMS_KEY_MATERIAL',
    });
  });

  it('leaves a key alone that is another, or that KMS made', async () => {
    const { KeyMetadata } = await client().send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    );
    const keyId = KeyMetadata?.Arn ?? '';
    await client().send(new CreateAliasCommand({ AliasName: 'alias/made', TargetKeyId: keyId }));
    const key = pem(make['P-256']().privateKey);
    expect(await rejectionOf(importKey(client(), { key, alias: 'alias/made' }))).to.include({
      code: 'ERR_S2N_PKEY_KMS_ALIAS_TAKEN',
    });
    expect(await rejectionOf(importKey(client(), { key, keyId }))).to.include({
      code: 'ERR_S2N_PKEY_KMS_KEY_ORIGIN',
    });
    await importKey(client(), { key, alias: 'alias/mine' });
    const other = pem(make['P-256']().privateKey);
    expect(await rejectionOf(importKey(client(), { key: other, alias: 'alias/mine' }))).to.include({
      code: 'ERR_S2N_PKEY_KMS_ALIAS_TAKEN',
    });
    const p384 = pem(make['P-384']().privateKey);
    const { KeyMetadata: mine } = await client().send(new DescribeKeyCommand({ KeyId: 'alias/mine' }));
    expect(await rejectionOf(importKey(client(), { key: p384, keyId: mine?.Arn ?? '' }))).to.include({
      code: 'ERR_S2N_PKEY_KMS_KEY_SPEC',
    });
  });

  it('wants an alias or a key, and not both', async () => {
    const key = pem(make['P-256']().privateKey);
    for (const options of [{ key }, { key, alias: 'alias/a', keyId: 'b' }]) {
      expect(await rejectionOf(importKey(client(), options))).to.include({
        code: 'ERR_S2N_PKEY_INVALID_OPTION',
        option: 'alias',
      });
    }
  });
});
