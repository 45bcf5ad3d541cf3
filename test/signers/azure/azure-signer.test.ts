import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { expect } from 'chai';
import {
  AzureKeyVaultError,
  AzureSigner,
  type AzureSignerOptions,
} from '../../../lib/signers/azure/azure-signer.ts';
import { signerConformance } from '../../../lib/signers/conformance/signer-conformance.ts';
import type { PrivateKeyOperation } from '../../../lib/signers/signer.ts';
import { keyNames, keyPair } from '../key-pairs.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { fail, KeyVault, type Misbehaviour } from './key-vault.ts';

const message = Buffer.from('what a handshake hashes');
const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp384r1_sha384',
  input: createHash('sha384').update(message).digest(),
  inputKind: 'digest',
};

describe('AzureSigner (its client is the real one; the server speaks what Key Vault documents)', () => {
  let vault: KeyVault;
  const scopes: unknown[] = [];
  const credential = {
    getToken: (asked: string | string[]) => {
      scopes.push(asked);
      return Promise.resolve({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 });
    },
  };

  before(async () => {
    vault = await KeyVault.start();
  });
  afterEach(() => {
    Object.assign(vault, { misbehave: undefined, attributes: { enabled: true }, suffix: '' });
    vault.keyOperations = ['sign', 'verify'];
    vault.seen.length = 0;
  });
  after(() => vault.stop());

  function open(options: Partial<AzureSignerOptions> = {}): Promise<AzureSigner> {
    return AzureSigner.open({
      ...{ keyId: vault.keyId('P-256'), credential, timeout: 20_000 },
      // The vault of the test is not below vault.azure.net, and its certificate is its own.
      clientOptions: {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: vault.authority },
        retryOptions: { maxRetries: 1, retryDelayInMs: 1 },
      },
      ...options,
    });
  }

  for (const name of keyNames) {
    describe(`does what a Signer must, with ${name}`, () => {
      const checks = signerConformance({ open: () => open({ keyId: vault.keyId(name) }), patience: 30_000 });
      for (const check of checks) it(check.name, check.run).timeout(90_000);
    });
  }

  it('answers the challenge for a token, and sends the digest as Key Vault documents', async () => {
    scopes.length = 0;
    const signer = await open();
    expect(scopes[0]).to.deep.equal(['https://vault.azure.net/.default']);
    vault.seen.length = 0;
    const signature = await signer.sign(asked);
    expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    const last = vault.seen.at(-1);
    expect(last?.method).to.equal('POST');
    const { pathname, searchParams } = new URL(last?.url ?? '', vault.url);
    expect(pathname).to.equal('/keys/P-256/0123456789abcdef0123456789abcdef/sign');
    expect(searchParams.get('api-version')).to.match(/^\d{4}-\d\d-\d\d$/);
    // An EC key signs 32 bytes under ES256, whatever the peer's hash: the leftmost ones.
    const value = Buffer.from(asked.input).subarray(0, 32).toString('base64url');
    expect(last?.body).to.deep.equal({ alg: 'ES256', value });
  });

  it('finds the latest version of a key, which then stays; also of one in an HSM', async () => {
    vault.suffix = '-HSM';
    const signer = await open({ keyId: `${vault.url}/keys/P-384` });
    expect(signer.keyId).to.equal(vault.keyId('P-384'));
    expect(signer.publicKey.equals(keyPair('P-384').publicKey)).to.equal(true);
  });

  describe('refuses to open', () => {
    it('a key that is disabled, has expired, is not valid yet, or may not sign', async () => {
      for (const attributes of [
        { enabled: false },
        { enabled: true, exp: 1 },
        { enabled: true, nbf: 4_000_000_000 },
      ]) {
        vault.attributes = attributes;
        expect(await rejectionOf(open())).to.include({ code: 'ERR_S2N_PKEY_AZURE_KEY_DISABLED' });
      }
      vault.attributes = { enabled: true };
      vault.keyOperations = ['encrypt'];
      expect(await rejectionOf(open())).to.include({ code: 'ERR_S2N_PKEY_AZURE_KEY_USAGE' });
    });

    it('a key that TLS does not use', async () => {
      vault.misbehave = (_, response) => {
        const key = {
          kid: vault.keyId('P-256'),
          kty: 'EC',
          crv: 'P-256K',
          x: 'AQ',
          y: 'AQ',
          key_ops: ['sign'],
        };
        response.end(JSON.stringify({ key, attributes: { enabled: true } }));
        return true;
      };
      expect(await rejectionOf(open())).to.include({ code: 'ERR_S2N_PKEY_AZURE_KEY_TYPE' });
    });

    it('a key that is not there', async () => {
      const error = await rejectionOf(open({ keyId: `${vault.url}/keys/nobody` }));
      expect(error).to.be.instanceOf(AzureKeyVaultError).and.include({
        code: 'ERR_S2N_PKEY_AZURE_NOT_FOUND',
        azureErrorCode: 'KeyNotFound',
        status: 404,
      });
    });

    it('without a token, or where nobody listens', async () => {
      const none = await rejectionOf(open({ credential: { getToken: () => Promise.resolve(null) } }));
      expect(none).to.include({ code: 'ERR_S2N_PKEY_AZURE_CREDENTIALS' });
      const nobody = await rejectionOf(open({ keyId: 'https://localhost:1/keys/site' }));
      expect(nobody).to.include({ code: 'ERR_S2N_PKEY_AZURE_UNREACHABLE' });
    });

    it('a vault whose name is not that of the challenge, unless told', async () => {
      const clientOptions = { tlsOptions: { ca: vault.authority }, retryOptions: { maxRetries: 0 } };
      const error = await rejectionOf(open({ clientOptions }));
      expect(error).to.have.property('message').that.includes('does not match the requested domain');
    });

    it('with options that mean nothing, by name', async () => {
      for (const [option, options] of [
        ['keyId', { keyId: 'http://vault.azure.net/keys/site' }],
        ['keyId', { keyId: 'site' }],
        ['credential', { credential: 'secret' }],
        ['clientOptions', { clientOptions: 1 }],
        ['timeout', { timeout: 0 }],
      ] as const) {
        const error = await rejectionOf(open(options as unknown as Partial<AzureSignerOptions>));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
      }
    });
  });

  describe('when a signature fails', () => {
    const answer =
      (status: number, code: string, words: string): Misbehaviour =>
      (_, response) => {
        fail(response, status, code, words);
        return true;
      };

    for (const [status, azure, words, code] of [
      [403, 'Forbidden', 'Caller is not authorized to perform action on resource.', 'ACCESS_DENIED'],
      [403, 'Forbidden', 'Operation sign is not allowed on a disabled key.', 'KEY_DISABLED'],
      [404, 'KeyNotFound', 'A key was not found', 'NOT_FOUND'],
      [429, 'Throttled', 'Request was not processed because too many requests were received.', 'THROTTLED'],
      [500, 'InternalServerError', 'on purpose', 'UNAVAILABLE'],
      [400, 'BadParameter', 'on purpose', 'FAILED'],
    ] as const) {
      it(`${status} (${words}): ${code}`, async () => {
        const signer = await open();
        vault.misbehave = answer(status, azure, words);
        const error = await rejectionOf(signer.sign(asked));
        expect(error)
          .to.be.instanceOf(AzureKeyVaultError)
          .and.include({
            code: `ERR_S2N_PKEY_AZURE_${code}`,
            status,
            azureErrorCode: azure,
            keyId: signer.keyId,
          });
      });
    }

    it('asks once more, and signs', async () => {
      const signer = await open();
      let count = 0;
      vault.misbehave = (_, response) => {
        if (++count > 1) return false;
        fail(response, 503, 'ServiceUnavailable', 'on purpose');
        return true;
      };
      const signature = await signer.sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
      expect(count).to.equal(2);
    });

    it('does not use what another key has signed, nor what is no signature', async () => {
      const signer = await open();
      vault.misbehave = (_, response) => {
        response.end(JSON.stringify({ kid: `${vault.url}/keys/P-256/another`, value: 'AQID' }));
        return true;
      };
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_AZURE_WRONG_KEY' });
      vault.misbehave = (_, response) => {
        response.end(JSON.stringify({ kid: signer.keyId, value: 'AQID' }));
        return true;
      };
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_SIGNATURE_INVALID' });
    });

    it('gives up after its timeout, and when it is aborted, and ends the request', async () => {
      const closed: Promise<unknown>[] = [];
      const hang: Misbehaviour = (_, response) => {
        closed.push(once(response, 'close'));
        return true;
      };
      const impatient = await open({ timeout: 1_000 });
      vault.misbehave = hang;
      expect(await rejectionOf(impatient.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_AZURE_TIMEOUT' });
      const abort = new AbortController();
      vault.misbehave = (seen, response) => {
        abort.abort(new Error('the peer left'));
        return hang(seen, response);
      };
      const aborted = await rejectionOf(impatient.sign(asked, { signal: abort.signal }));
      expect(aborted).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
      expect(await Promise.all(closed)).to.have.lengthOf(2);
    });
  });
});
