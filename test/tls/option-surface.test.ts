import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { expect } from 'chai';
import { Agent, attach, buildConnector, connect, createServer, LocalKeySigner } from '../../lib/index.ts';
import { unsupportedOptions } from '../../lib/tls/context/unsupported-options.ts';
import { identity } from '../fixtures/identity.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const documented = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8');

/** A value to give. Every option of node:tls that its types know must have one: TypeScript refuses this file otherwise. */
type Values<Options> = Record<Exclude<keyof Options, 'cert'>, unknown>;

const common = {
  ALPNCallback: () => undefined,
  ALPNProtocols: ['http/1.1'],
  SNICallback: (_name: string, done: (error: null) => void) => done(null),
  allowPartialTrustChain: true,
  ca: cert,
  ciphers: 'HIGH',
  clientCertEngine: 'pkcs11',
  crl: [],
  dhparam: 'auto',
  ecdhCurve: 'auto',
  enableTrace: true,
  honorCipherOrder: true,
  key,
  maxVersion: 'TLSv1.3',
  minVersion: 'TLSv1.2',
  passphrase: 'secret',
  pfx: Buffer.alloc(1),
  privateKeyEngine: 'pkcs11',
  privateKeyIdentifier: 'pkcs11:token',
  rejectUnauthorized: true,
  requestCert: true,
  secureContext: {},
  secureOptions: 1,
  secureProtocol: 'TLSv1_2_method',
  sessionIdContext: 'site',
  sessionTimeout: 60,
  sigalgs: 'ecdsa_secp256r1_sha256',
};

const ofServers: Values<TlsOptions> = {
  ...common,
  allowHalfOpen: true,
  handshakeTimeout: 1000,
  highWaterMark: 1000,
  keepAlive: true,
  keepAliveInitialDelay: 1000,
  noDelay: true,
  pauseOnConnect: true,
  pskCallback: () => null,
  pskIdentityHint: 'hint',
  ticketKeys: Buffer.alloc(48, 1),
};

const ofClients: Values<ConnectionOptions> = {
  ...common,
  checkServerIdentity: () => undefined,
  host: '127.0.0.1',
  lookup: undefined,
  minDHSize: 2048,
  path: undefined,
  port: 1,
  pskCallback: () => null,
  servername: 'localhost',
  session: undefined,
  socket: undefined,
  ticketKeys: undefined,
  timeout: 1000,
};

/**
 * Options of `tls.connect`, `net.connect` and `https.Agent` in Node's documentation, up to Node 26, that the types of this
 * version do not know for a client. Each must be served or refused: an option that neither knows is a fault.
 */
const documentedBeside: Record<string, unknown> = {
  allowHalfOpen: false,
  autoSelectFamily: false,
  autoSelectFamilyAttemptTimeout: 250,
  blockList: undefined,
  certificateCompression: ['zlib'],
  family: 4,
  hints: 0,
  highWaterMark: 1000,
  keepAlive: true,
  keepAliveInitialDelay: 1000,
  localAddress: '127.0.0.1',
  localPort: 0,
  noDelay: true,
  onread: { buffer: Buffer.alloc(1), callback: () => true },
  requestOCSP: true,
  signal: new AbortController().signal,
  typeOfService: 0,
};

/** The option's name in the error; undefined: it was taken. */
function refusalOf(name: string, use: () => void): string | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    expect(error).to.have.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
    expect(error)
      .to.have.property('message')
      .that.matches(new RegExp(`^${name}: expected `));
    return name;
  }
}

describe('each option of node:tls that is not served', () => {
  const unsupported = Object.keys(unsupportedOptions);

  it('is in the documentation, with the reason', () => {
    for (const name of [...unsupported, 'honorCipherOrder']) expect(documented).to.contain(`\`${name}`);
  });

  for (const [name, value] of Object.entries(ofServers)) {
    const expected = unsupported.includes(name) ? name : undefined;
    it(`${name}: ${expected ? 'is refused by' : 'is taken by'} createServer and attach`, () => {
      const options = { cert, signer, [name]: value };
      expect(refusalOf(name, () => createServer(options))).to.equal(expected);
      expect(refusalOf(name, () => attach(createHttpsServer(), options))).to.equal(expected);
    });
  }

  for (const [name, value] of Object.entries({ ...ofClients, ...documentedBeside })) {
    const expected = unsupported.includes(name) ? name : undefined;
    it(`${name}: ${expected ? 'is refused by' : 'is taken by'} connect`, () => {
      const use = (): void => {
        const socket = connect({ port: 1, host: '127.0.0.1', cert, signer, [name]: value });
        socket.on('error', () => undefined).destroy();
      };
      expect(refusalOf(name, use)).to.equal(expected);
    });
  }

  for (const [name, value] of Object.entries({ ...ofClients, ...documentedBeside })) {
    const expected = unsupported.includes(name) ? name : undefined;
    it(`${name}: ${expected ? 'is refused by' : 'is taken by'} Agent and buildConnector`, () => {
      const options = { cert, signer, [name]: value };
      expect(refusalOf(name, () => new Agent(options).destroy())).to.equal(expected);
      expect(refusalOf(name, () => buildConnector(options))).to.equal(expected);
    });
  }

  it('is refused by buildConnector where it is one of undici and makes no sense', () => {
    for (const [name, value] of [
      ['maxCachedSessions', -1],
      ['timeout', -1],
      ['useH2c', true],
    ] as const) {
      expect(refusalOf(name, () => buildConnector({ [name]: value }))).to.equal(name);
    }
  });

  it('is refused when the server attached to remembers it', () => {
    for (const name of ['ciphers', 'enableTrace', 'pskIdentityHint'] as const) {
      const given = { [name]: ofServers[name] };
      expect(refusalOf(name, () => attach(createHttpsServer(given), { cert, signer }))).to.equal(name);
    }
    const own = createHttpsServer({ honorCipherOrder: false });
    const expected = 'honorCipherOrder';
    expect(refusalOf(expected, () => attach(own, { cert, signer }))).to.equal(expected);
  });
});
