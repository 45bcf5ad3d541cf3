import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../../lib/certificate/self-signed-certificate.ts';
import { signerConformance } from '../../../lib/signers/conformance/signer-conformance.ts';
import { SignatureAdmission } from '../../../lib/signers/admission/signature-admission.ts';
import type { PrivateKeyOperation } from '../../../lib/signers/signer.ts';
import { VaultError, VaultSigner, type VaultSignerOptions } from '../../../lib/signers/vault/vault-signer.ts';
import { localSigner } from '../../certificate/signers.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { when } from '../../fixtures/when.ts';
import { needs } from '../../fixtures/needs.ts';
import { OpenBao } from './open-bao.ts';

const message = Buffer.from('what a handshake hashes');
const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

describe('VaultSigner with OpenBao', () => {
  needs('openbao');
  const opened: VaultSigner[] = [];
  let bao: OpenBao;
  let running: OpenBao | undefined;

  before(async function () {
    this.timeout(120_000);
    bao = running = await OpenBao.start();
    for (const type of [
      'ecdsa-p256',
      'ecdsa-p384',
      'ecdsa-p521',
      'rsa-2048',
      'rsa-3072',
      'rsa-4096',
      'ed25519',
      'aes256-gcm96',
    ]) {
      await bao.ask('POST', `transit/keys/${type}`, { type });
    }
  });
  afterEach(() => {
    for (const signer of opened.splice(0)) signer.close();
  });
  after(() => running?.stop());

  async function open(options: Partial<VaultSignerOptions> = {}): Promise<VaultSigner> {
    const { address, token } = bao;
    const signer = await VaultSigner.open({ key: 'ecdsa-p256', address, token, timeout: 30_000, ...options });
    opened.push(signer);
    return signer;
  }

  for (const key of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'rsa-3072', 'rsa-4096']) {
    describe(`does what a Signer must, with a key of type ${key}`, () => {
      const checks = signerConformance({ open: () => open({ key }), patience: 60_000 });
      for (const check of checks) it(check.name, check.run).timeout(120_000);
    });
  }

  describe('signs with one version of the key', () => {
    it('the latest there is, also when the key is rotated later', async () => {
      await bao.ask('POST', 'transit/keys/rotated', { type: 'ecdsa-p256' });
      const signer = await open({ key: 'rotated' });
      await bao.ask('POST', 'transit/keys/rotated/rotate', {});
      expect(signer.keyVersion).to.equal(1);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, await signer.sign(asked))).to.equal(true);
      const later = await open({ key: 'rotated' });
      expect(later.keyVersion).to.equal(2);
      expect(later.publicKey.equals(signer.publicKey)).to.equal(false);
      expect((await open({ key: 'rotated', keyVersion: 1 })).publicKey.equals(signer.publicKey)).to.equal(
        true,
      );
    });

    it("the certificate's", async () => {
      await bao.ask('POST', 'transit/keys/certified', { type: 'ecdsa-p256' });
      const certificate = await createSelfSignedCertificate({
        signer: await open({ key: 'certified' }),
        subject: { CN: 'localhost' },
      });
      await bao.ask('POST', 'transit/keys/certified/rotate', {});
      const signer = await open({ key: 'certified', certificate });
      expect(signer.keyVersion).to.equal(1);
      const other = await rejectionOf(open({ key: 'ecdsa-p256', certificate }));
      expect(other).to.include({ code: 'ERR_S2N_PKEY_VAULT_KEY_VERSION' });
    });

    it('rejects with ERR_S2N_PKEY_VAULT_KEY_VERSION if that version was deleted', async () => {
      await bao.ask('POST', 'transit/keys/trimmed', { type: 'ecdsa-p256' });
      const signer = await open({ key: 'trimmed' });
      await bao.ask('POST', 'transit/keys/trimmed/rotate', {});
      const versions = { min_decryption_version: 2, min_encryption_version: 2 };
      await bao.ask('POST', 'transit/keys/trimmed/config', versions);
      await bao.ask('POST', 'transit/keys/trimmed/trim', { min_available_version: 2 });
      const error = await rejectionOf(signer.sign(asked));
      expect(error).to.be.instanceOf(VaultError).and.include({ code: 'ERR_S2N_PKEY_VAULT_KEY_VERSION' });
      const none = await rejectionOf(open({ key: 'trimmed', keyVersion: 7 }));
      expect(none).to.include({ code: 'ERR_S2N_PKEY_VAULT_KEY_VERSION' });
    });
  });

  describe('has a token', () => {
    const policy =
      'path "transit/keys/ecdsa-p256" { capabilities = ["read"] } path "transit/sign/ecdsa-p256/*" { capabilities = ["update"] }';

    it('that needs no more than two permissions', async () => {
      const token = await bao.makeToken(policy, { no_default_policy: true });
      const signer = await open({ token });
      expect(await signer.sign(asked))
        .to.have.property('length')
        .that.is.above(60);
      const error = await rejectionOf(open({ token, key: 'rsa-2048' }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_VAULT_ACCESS_DENIED', status: 403 });
      expect(error)
        .to.have.property('message')
        .that.includes('path "transit/keys/rsa-2048" { capabilities = ["read"] }');
    });

    it('from a function, which is asked again when the token is refused', async () => {
      const tokens = [await bao.makeToken(policy), await bao.makeToken(policy)];
      let count = 0;
      const signer = await open({ token: () => tokens[count++] ?? '' });
      await bao.ask('POST', 'auth/token/revoke', { token: tokens[0] });
      const signatures = await Promise.all(Array.from({ length: 8 }, () => signer.sign(asked)));
      expect(signatures).to.have.lengthOf(8);
      expect(count).to.equal(2);
    });

    it('that is renewed when half of its time is over', async () => {
      const token = await bao.makeToken(policy, { ttl: '2s', explicit_max_ttl: '1h' });
      await open({ token });
      const remaining = async (): Promise<Date> => {
        const { data } = await bao.ask('POST', 'auth/token/lookup', { token });
        return new Date((data as { expire_time: string }).expire_time);
      };
      const first = await remaining();
      // Rejects once the token has expired.
      await when('a later time of expiry', remaining, (later) => later > first);
    });

    it('and rejects with ERR_S2N_PKEY_VAULT_TOKEN without one', async () => {
      const error = await rejectionOf(VaultSigner.open({ key: 'ecdsa-p256', address: bao.address }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_VAULT_TOKEN' });
      expect(error).to.have.property('message').that.includes('VAULT_TOKEN');
      const failing = await rejectionOf(open({ token: () => Promise.reject(new Error('no such file')) }));
      expect(failing).to.have.property('message').that.includes('no such file');
    });
  });

  for (const [what, options, code] of [
    ['a key that is not there', { key: 'nobody' }, 'NOT_FOUND'],
    ['an engine that is not there', { mount: 'elsewhere' }, 'NOT_FOUND'],
    ['a token that is none', { token: 'wrong' }, 'ACCESS_DENIED'],
    ['a key that signs otherwise', { key: 'ed25519' }, 'KEY_TYPE'],
    ['a key that does not sign', { key: 'aes256-gcm96' }, 'KEY_TYPE'],
    ['a server that is not there', { address: 'http://127.0.0.1:1' }, 'UNREACHABLE'],
  ] as const) {
    it(`rejects for ${what} with the code ${code}`, async () => {
      const error = await rejectionOf(open(options));
      expect(error)
        .to.be.instanceOf(VaultError)
        .and.include({ code: `ERR_S2N_PKEY_VAULT_${code}` });
    });
  }
});

describe('VaultSigner', () => {
  const servers: Server[] = [];
  const inner = localSigner('P-256');
  const pem = inner.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const key = { data: { type: 'ecdsa-p256', latest_version: 3, keys: { 3: { public_key: pem } } } };

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A server that tells of a key, and answers to sign as it is told. */
  async function openFake(
    answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
    options: Partial<VaultSignerOptions> = {},
  ): Promise<VaultSigner> {
    let count = 0;
    const server = createServer((request, response) => {
      if (request.method === 'GET') response.end(JSON.stringify(key));
      else answer(request, response, ++count);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return VaultSigner.open({
      key: 'site',
      address,
      token: 't',
      renewToken: false,
      timeout: 20_000,
      ...options,
    });
  }

  it('asks for the digest as it is, for DER, and for its version, in its namespace', async () => {
    let seen: unknown;
    const signer = await openFake(
      (request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => (body += text));
        request.on('end', () => {
          const { url, headers } = request;
          seen = [url, headers['x-vault-namespace'], headers['x-vault-token'], JSON.parse(body)];
          response.end(JSON.stringify({ data: { signature: 'vault:v3:AQID' } }));
        });
      },
      { namespace: 'team/web', mount: 'keys/transit' },
    );
    expect(Buffer.from(await signer.sign(asked))).to.deep.equal(Buffer.of(1, 2, 3));
    const input = Buffer.from(asked.input).toString('base64');
    expect(seen).to.deep.equal([
      '/v1/keys/transit/sign/site/sha2-256',
      'team/web',
      't',
      { input, prehashed: true, key_version: 3, marshaling_algorithm: 'asn1' },
    ]);
  });

  for (const [what, status, body, code] of [
    ['another version of the key', 200, { data: { signature: 'vault:v2:AQID' } }, 'WRONG_KEY'],
    ['no signature', 200, { data: { signature: 'AQID' } }, 'UNUSABLE_ANSWER'],
    ['no JSON', 200, undefined, 'UNUSABLE_ANSWER'],
    ['a sealed server', 503, { errors: ['Vault is sealed'] }, 'SEALED'],
    ['too many requests', 429, { errors: ['request path is throttled'] }, 'THROTTLED'],
    ['a fault of the server', 500, { errors: ['internal error'] }, 'UNAVAILABLE'],
  ] as const) {
    it(`answered with ${what}: ${code}`, async () => {
      const signer = await openFake((_, response) => {
        response.writeHead(status).end(body === undefined ? '<html>' : JSON.stringify(body));
      });
      const error = await rejectionOf(signer.sign(asked));
      expect(error)
        .to.be.instanceOf(VaultError)
        .and.include({ code: `ERR_S2N_PKEY_VAULT_${code}` });
    });
  }

  it('asks again when the connection breaks, or the server is not ready: three times', async () => {
    for (const broken of [
      (response: ServerResponse) => response.destroy(),
      ...[412, 429, 500, 502, 503, 504].map(
        (status) => (response: ServerResponse) => response.writeHead(status).end('{}'),
      ),
    ]) {
      const signer = await openFake((_, response, count) => {
        if (count <= 3) broken(response);
        else response.end(JSON.stringify({ data: { signature: 'vault:v3:AQID' } }));
      });
      const admission = SignatureAdmission.of(signer);
      const before = admission?.extraRequests ?? NaN;
      expect(await signer.sign(asked)).to.have.lengthOf(3);
      expect(admission?.extraRequests, 'requests that count for perSecond').to.equal(before + 3);
    }
  });

  it('asks no more than four times, and not at all again for what stays as it is', async () => {
    for (const [status, errors, times] of [
      [500, ['internal error'], 4],
      [412, ['required index state not present'], 4],
      [400, ['unsupported'], 1],
      [500, ['cannot sign with a version before min_encryption_version of the key'], 1],
    ] as const) {
      let asks = 0;
      const signer = await openFake((_, response) => {
        asks++;
        response.writeHead(status).end(JSON.stringify({ errors }));
      });
      await rejectionOf(signer.sign(asked));
      expect([status, asks]).to.deep.equal([status, times]);
    }
  });

  it('takes a token without the newline of the file that it is from', async () => {
    for (const token of ['from-a-file\n', () => ' from-a-file\r\n']) {
      let seen: unknown;
      const signer = await openFake(
        (request, response) => {
          seen = request.headers['x-vault-token'];
          response.end(JSON.stringify({ data: { signature: 'vault:v3:AQID' } }));
        },
        { token },
      );
      await signer.sign(asked);
      expect(seen).to.equal('from-a-file');
    }
  });

  it('gives up after its timeout, and ends the request', async () => {
    let ended: Promise<unknown> | undefined;
    const signer = await openFake((_, response) => void (ended = once(response, 'close')), { timeout: 400 });
    const error = await rejectionOf(signer.sign(asked));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_VAULT_TIMEOUT' });
    await ended;
  });

  it('does not read an answer without end', async () => {
    const signer = await openFake((_, response) => {
      const chunk = Buffer.alloc(65_536, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    const error = await rejectionOf(signer.sign(asked));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_VAULT_UNREACHABLE' });
    expect(error).to.have.property('message').that.includes('more than 4194304 bytes');
  });

  it('refuses options that mean nothing, by name', async () => {
    const good = { key: 'site', address: 'http://127.0.0.1:8200', token: 't' };
    for (const [option, change] of [
      ['key', { key: 'a/b' }],
      ['key', { key: '..' }],
      ['key', { key: undefined }],
      ['mount', { mount: '../sys' }],
      ['address', { address: 'localhost:8200' }],
      ['token', { token: 7 }],
      ['renewToken', { renewToken: 'yes' }],
      ['namespace', { namespace: 'a b' }],
      ['keyVersion', { keyVersion: 0 }],
      ['certificate', { certificate: 'no PEM' }],
      ['timeout', { timeout: 0 }],
      ['fetch', { fetch: 'undici' }],
    ] as const) {
      const error = await rejectionOf(
        VaultSigner.open({ ...good, ...change } as unknown as VaultSignerOptions),
      );
      expect(error, option).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
    }
  });
});
