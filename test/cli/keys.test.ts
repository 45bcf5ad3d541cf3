import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteImportedKeyMaterialCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createSelfSignedCertificate, describeKey, KmsSigner, LocalKeySigner } from '../../lib/index.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { runningKms } from '../local-kms/running-kms.ts';
import { runCommand, type CommandRun } from './command-run.ts';

describe('s2n-pkey keys', function () {
  this.timeout(120_000); // each run is a process
  const running = runningKms();
  const directory = mkdtempSync(join(tmpdir(), 'keys-command-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  const keys = (...args: string[]): Promise<CommandRun> =>
    runCommand(['keys', ...args], environmentOf(running().kms));
  const keysJson = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, output, errors } = await keys(...args, '--json');
    expect(code, errors).to.equal(0);
    expect(errors).to.equal('');
    return JSON.parse(output) as Record<string, unknown>;
  };

  it('creates a key once, and one for tickets, and lists, describes and deletes them', async () => {
    const create = ['create', '--alias', 'alias/site', '--spec', 'ECC_NIST_P256', '--tag', 'team=web'];
    const first = await keysJson(...create);
    expect(first).to.include({ created: true, keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' });
    expect(await keysJson(...create)).to.include({ created: false, arn: first['arn'] });
    const tickets = await keys('create', 'tickets', '--alias', 'alias/tickets');
    expect(tickets.output).to.match(/^Created:\n.*alias\/tickets\n[\s\S]*HMAC_384/);

    const { output: list } = await keys('list');
    expect(list).to.match(/^ALIAS +SPEC +STATE +ORIGIN +KEY\n/);
    expect(list).to.match(/^alias\/site +ECC_NIST_P256 +Enabled +AWS_KMS +arn:/m);
    expect(list).to.match(/^alias\/tickets +HMAC_384 +Enabled/m);

    const described = await keysJson('describe', 'alias/site');
    expect(described).to.deep.include({ aliases: ['alias/site'], tags: { team: 'web' } });
    expect(createPublicKey(String(described['publicKey'])).asymmetricKeyType).to.equal('ec');

    const asked = await keys('delete', 'alias/site');
    expect(asked).to.include({ code: 2 });
    expect(asked.errors).to.contain('give --yes to delete it');
    expect((await describeKey(running().client, 'alias/site')).state).to.equal('Enabled');
    expect(await keysJson('delete', 'alias/site', '--yes')).to.deep.include({ aliases: ['alias/site'] });
    expect((await describeKey(running().client, String(first['arn']))).state).to.equal('PendingDeletion');
  });

  it('imports a key after a dry run, says what to delete, and imports it again', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    const pem = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const signer = new LocalKeySigner({ key: pem });
    const cert = await createSelfSignedCertificate({ signer, subject: 'CN=site.example' });
    const args = ['--key', file('key.pem', pem), '--cert', file('cert.pem', cert), '--alias', 'alias/mine'];

    const dry = await keys('import', ...args, '--dry-run');
    expect(dry.errors).to.equal('');
    expect(dry.output).to.contain('An import would create a key of spec ECC_NIST_P384');
    const done = await keys('import', ...args);
    expect(done.errors).to.match(/^Creating .*\nEncrypting .*\nImporting .*\nComparing .*\n$/);
    expect(done.output).to.contain(`Delete ${join(directory, 'key.pem')}`);
    expect(done.output).to.contain("KmsSigner.open({ keyId: 'alias/mine' })");
    expect(done.output + done.errors).not.to.contain('PRIVATE KEY');
    const opened = await KmsSigner.open({ keyId: 'alias/mine', client: running().client });
    expect(opened.publicKey.equals(publicKey)).to.equal(true);
    opened.close();

    const KeyId = opened.keyArn;
    await running().client.send(new DeleteImportedKeyMaterialCommand({ KeyId }));
    expect((await keys('list')).output).to.match(/^alias\/mine +ECC_NIST_P384 +PendingImport +imported/m);
    const again = await keysJson('import', ...args, '--valid-days', '1');
    expect(again).to.include({ action: 'import' }).and.to.have.nested.property('key.validTo');
  });

  it('refuses a key that KMS cannot hold in one sentence with a code, and creates nothing', async () => {
    const before = (await keys('list', '--all')).output;
    const { privateKey } = generateKeyPairSync('ed25519');
    const path = join(directory, 'ed25519.pem');
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { code, output, errors } = await keys('import', '--key', path, '--alias', 'alias/unfit');
    expect({ code, output }).to.deep.equal({ code: 1, output: '' });
    expect(errors).to.match(
      /^s2n-pkey keys import: key: expected .*Ed25519.* \(ERR_S2N_PKEY_KEY_INVALID\)\n$/,
    );
    expect((await keys('list', '--all')).output).to.equal(before);
  });

  it('names what is wrong with arguments, with exit code 2, and helps', async () => {
    for (const [args, problem] of [
      [[], 'a command is missing'],
      [['make'], "there is no command 'make'"],
      [['import', '--alias', 'alias/a'], '--key is required; see s2n-pkey keys import --help'],
      [['import', '--key', 'a.pem'], 'either --alias or --key-id is required'],
      [['import', '--key', join(directory, 'none.pem'), '--alias', 'alias/a'], 'cannot be read: ENOENT'],
      [['create'], '--alias is required'],
      [['create', '--alias', 'site'], "expected 'alias/'"],
      [['describe', '--nothing'], "Unknown option '--nothing'"],
      [['delete', 'alias/a', '--days', '3'], '--days expects 7 to 30'],
    ] as const) {
      const { code, errors } = await keys(...args);
      expect(errors).to.contain(problem);
      expect(code, problem).to.equal(2);
    }
    expect((await keys('--help')).output).to.contain('s2n-pkey keys <command> --help');
    expect((await keys('import', '--help')).output).to.contain('continues where it stopped');
  });
});
