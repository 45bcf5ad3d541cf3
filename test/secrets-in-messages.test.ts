import { createServer as createHttpsServer } from 'node:https';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { AzureSigner } from '../lib/signers/azure/azure-signer.ts';
import { describeOption } from '../lib/errors.ts';
import { GoogleSigner } from '../lib/signers/google/google-signer.ts';
import {
  Agent,
  attach,
  connect,
  createCertificateRequest,
  createSecureContext,
  createSelfSignedCertificate,
  createServer,
  KmsSigner,
  LocalKeySigner,
  preflight,
} from '../lib/index.ts';
import { Pkcs11Signer } from '../lib/signers/pkcs11/pkcs11-signer.ts';
import { readSettings } from '../lib/register/settings.ts';
import { serveSigner } from '../lib/signers/socket/serve-signer.ts';
import { SocketSigner } from '../lib/signers/socket/socket-signer.ts';
import { VaultSigner } from '../lib/signers/vault/vault-signer.ts';
import { identity } from './fixtures/identity.ts';

const canary = 'Kanarienvogel7';
/** A secret as it may come: by itself, in a PEM, as a PIN or password within a URI, as bytes, as digits, within an object. */
const disguises: readonly unknown[] = [
  canary,
  `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----`,
  `pkcs11:token=t;object=o?pin-value=${canary}`,
  `https://user:${canary}@host.example`,
  Buffer.from(canary),
  { secret: canary, toString: () => canary },
  [canary],
];
const digits = 918_273_645_546;

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const endpoint = 'http://127.0.0.1:9';

/** Every way in that takes options, with options that are right, so that the one in question is what is wrong. */
const entries: Record<string, (options: object) => unknown> = {
  createServer: (options) => createServer({ cert, signer, ...options }),
  attach: (options) => attach(createHttpsServer(), { cert, signer, ...options }),
  'attach to a server with these options': (options) => {
    let server;
    try {
      server = createHttpsServer(options);
    } catch {
      return; // Node's own message.
    }
    attach(server, { cert, signer });
  },
  createSecureContext: (options) => createSecureContext({ cert, signer, ...options }),
  connect: (options) => {
    connect({ port: 1, host: '127.0.0.1', ...options })
      .on('error', () => undefined)
      .destroy();
  },
  Agent: (options) => new Agent(options),
  LocalKeySigner: (options) => new LocalKeySigner({ key, ...options }),
  'KmsSigner.open': (options) => KmsSigner.open({ keyId: 'alias/x', endpoint: 'nonsense', ...options }),
  'VaultSigner.open': (options) =>
    VaultSigner.open({ key: 'k', address: 'nonsense:', token: 't', ...options }),
  'Pkcs11Signer.open': (options) =>
    Pkcs11Signer.open({ module: '/none', label: 'x', sessions: 0, ...options }),
  'AzureSigner.open': (options) => AzureSigner.open({ keyId: 'nonsense', ...options } as never),
  'GoogleSigner.open': (options) => GoogleSigner.open({ keyVersion: 'nonsense', ...options }),
  'SocketSigner.open': (options) => SocketSigner.open({ path: '/none', ...options }),
  serveSigner: (options) => serveSigner({ signer, path: '/none/x', ...options }),
  createSelfSignedCertificate: (options) =>
    createSelfSignedCertificate({ signer, subject: 'CN=a.example', ...options }),
  createCertificateRequest: (options) =>
    createCertificateRequest({ signer, subject: 'CN=a.example', ...options }),
  preflight: (options) => preflight({ cert, signer, ...options }),
};

/** What may hold a secret, by design or since somebody took one option for another. */
const secretOptions = [
  ...[
    'key',
    'pfx',
    'passphrase',
    'cert',
    'ca',
    'crl',
    'signer',
    'session',
    'ticketKeys',
    'secureContext',
    'identities',
  ],
  ...[
    'privateKeyIdentifier',
    'privateKeyEngine',
    'clientCertEngine',
    'pskCallback',
    'pskIdentityHint',
    'dhparam',
  ],
  ...['sessionIdContext', 'ciphers', 'sigalgs', 'secureOptions', 'secureProtocol', 'ocspResponse', 'context'],
  ...[
    'credentials',
    'credential',
    'client',
    'clientOptions',
    'token',
    'pin',
    'publicKey',
    'certificate',
    'fetch',
  ],
  ...[
    'module',
    'options',
    'checkServerIdentity',
    'SNICallback',
    'ALPNCallback',
    'onread',
    'onSignature',
    'quota',
    'lookup',
    'signal',
    'socket',
  ],
];

/** Whatever an error says, that of its causes included; the empty string where there was none. */
async function said(use: () => unknown): Promise<string> {
  try {
    await use();
    return '';
  } catch (error) {
    const told: string[] = [];
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      told.push(each.message, inspect(each, { depth: 0 }));
    }
    return told.join('\n');
  }
}

describe('an error message does not repeat a secret', () => {
  for (const [entry, use] of Object.entries(entries)) {
    it(`of an option of ${entry}`, async () => {
      let refused = 0;
      for (const option of secretOptions) {
        for (const value of [...disguises, digits]) {
          const text = await said(() => use({ [option]: value }));
          if (text !== '') refused += 1;
          expect(text, option).not.to.contain(canary);
          expect(text, option).not.to.contain(String(digits));
        }
      }
      expect(refused, 'options refused').to.be.above(0);
    }).timeout(120_000);
  }

  it('of a setting of register', async () => {
    for (const name of [
      'CERT',
      'KEY_ID',
      'LOCAL_KEY',
      'LOCAL_KEY_PASSPHRASE',
      'HTTPS_PORTS',
      'HANDSHAKE_TIMEOUT',
    ]) {
      for (const value of disguises.slice(0, 4)) {
        const environment = { S2N_PKEY_CERT: 'cert.pem', [`S2N_PKEY_${name}`]: String(value) };
        const text = await said(() => readSettings(environment, '/'));
        if (/TIMEOUT|PORTS/.test(name) && value === canary) continue; // Numbers, which are repeated.
        expect(text, name).not.to.contain(canary);
      }
    }
  });

  it('that stands within an option whose values are repeated', () => {
    expect(describeOption('hostname', 'a.example')).to.equal("'a.example'");
    expect(describeOption('altNames.dns[1]', 'x')).to.equal("'x'");
    for (const value of disguises.slice(1, 4)) {
      expect(describeOption('hostname', value)).to.equal('a string');
    }
    expect(describeOption('passphrase', 'x')).to.equal('a string');
    expect(describeOption('pin', 1234)).to.equal('a number');
    expect(describeOption('whatever is new', 'x')).to.equal('a string');
  });

  it('that an address of KMS carries', async () => {
    const text = await said(() =>
      KmsSigner.open({ keyId: 'alias/x', endpoint: `${endpoint}\0${canary}:secret` }),
    );
    expect(text).not.to.equal('').and.not.to.contain(canary);
  });
});
