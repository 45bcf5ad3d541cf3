import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { attach, connect, createServer, type S2nPkeyError, type Signer } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { connectTls, listen } from '../fixtures/peers.ts';
import { tcpOptionsTo } from '../fixtures/tcp-options.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const signer = new AsynchronousSigner(key);

function refusal(options: object): S2nPkeyError {
  try {
    createServer({ cert, signer, ...options });
  } catch (error) {
    return error as S2nPkeyError;
  }
  throw new Error('it was not refused');
}

describe('options of a server', () => {
  const cases: [string, object, string, RegExp][] = [
    [
      'no certificate',
      { cert: undefined },
      'ERR_S2N_PKEY_INVALID_OPTION',
      /^cert: expected a PEM certificate chain/,
    ],
    ['garbage for one', { cert: 'nonsense' }, 'ERR_S2N_PKEY_INVALID_OPTION', /^cert:/],
    [
      'a private key in the certificate file',
      { cert: cert + key },
      'ERR_S2N_PKEY_INVALID_OPTION',
      /private key/,
    ],
    ['no signer', { signer: undefined }, 'ERR_S2N_PKEY_INVALID_OPTION', /^signer: expected a Signer/],
    ['a key', { key: 'PEM' }, 'ERR_S2N_PKEY_INVALID_OPTION', /^key: .*signer/],
    ['ciphers', { ciphers: 'HIGH' }, 'ERR_S2N_PKEY_INVALID_OPTION', /securityPolicy/],
    ['a negative timeout', { handshakeTimeout: -1 }, 'ERR_S2N_PKEY_INVALID_OPTION', /^handshakeTimeout:.*-1/],
    ['a fractional one', { handshakeTimeout: 1.5 }, 'ERR_S2N_PKEY_INVALID_OPTION', /^handshakeTimeout:/],
    [
      'a policy that is none',
      { securityPolicy: 'tls' },
      'ERR_S2N_PKEY_SECURITY_POLICY',
      /'tls' does not exist/,
    ],
    ['one with TLS 1.0', { securityPolicy: '20170210' }, 'ERR_S2N_PKEY_SECURITY_POLICY', /below 1\.2/],
    [
      'one for SHA-384 only',
      { securityPolicy: 'rfc9151' },
      'ERR_S2N_PKEY_SECURITY_POLICY',
      /P-256|certificate/,
    ],
    ['protocols that are no list', { ALPNProtocols: 'h2' }, 'ERR_S2N_PKEY_INVALID_OPTION', /^ALPNProtocols:/],
    ['an empty protocol', { ALPNProtocols: [''] }, 'ERR_S2N_PKEY_INVALID_OPTION', /^ALPNProtocols:/],
    ['a highWaterMark below 0', { highWaterMark: -1 }, 'ERR_S2N_PKEY_INVALID_OPTION', /^highWaterMark: .*-1/],
    [
      'a flag that is none',
      { noDelay: 'yes' },
      'ERR_S2N_PKEY_INVALID_OPTION',
      /^noDelay: expected true or false/,
    ],
  ];
  for (const [what, options, code, message] of cases) {
    it(`refuses ${what} by name`, () => {
      const error = refusal(options);
      expect(error.code).to.equal(code);
      expect(error.message).to.match(message);
    });
  }

  it('refuses a certificate for another key than the signer holds, naming both', () => {
    const other = identity('P-384');
    const error = refusal({ cert: other.cert });
    expect(error.code).to.equal('ERR_S2N_PKEY_KEY_MISMATCH');
    expect(error.message.match(/[0-9a-f]{64}/g)).to.have.lengthOf(2);
  });

  it('never prints a key that was given by mistake', () => {
    expect(refusal({ key }).message).not.to.contain('PRIVATE KEY');
  });

  it('takes any object with publicKey, schemes and sign for a signer', () => {
    const own: Signer = {
      publicKey: signer.publicKey,
      schemes: signer.schemes,
      sign: (operation) => signer.sign(operation),
    };
    expect(() => createServer({ cert, signer: own })).not.to.throw();
  });
});

describe('highWaterMark', () => {
  const kept = keptServers();
  const highWaterMark = 1000;
  const marks = ({ readableHighWaterMark, writableHighWaterMark }: Duplex): number[] => [
    readableHighWaterMark,
    writableHighWaterMark,
  ];

  it('is that of the sockets of createServer and connect', async () => {
    const server = kept(createServer({ cert, signer, highWaterMark }));
    const port = await listen(server);
    const accepted = once(server, 'secureConnection') as Promise<[Duplex]>;
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, highWaterMark });
    expect(marks(client)).to.deep.equal([highWaterMark, highWaterMark]);
    expect(marks((await accepted)[0])).to.deep.equal([highWaterMark, highWaterMark]);
    client.destroy();
  });

  it('of a server attached to holds for its sockets', async () => {
    const server = kept(attach(createHttpsServer({ highWaterMark }), { cert, signer }));
    const port = await listen(server);
    const accepted = once(server, 'secureConnection') as Promise<[Duplex]>;
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    expect(marks((await accepted)[0])).to.deep.equal([highWaterMark, highWaterMark]);
    client.destroy();
  });
});

/** The kernel's keep-alive timer of the accepted side of a connection, in seconds until it goes off; undefined without one. */
function keepAliveTimer(port: number, peerPort = 0): number | undefined {
  const hex = (number: number): string => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local = '', remote = '', , , timer = ''] = line.trim().split(/\s+/);
    if (!local.endsWith(hex(port)) || !remote.endsWith(hex(peerPort))) continue;
    const [active, ticks = ''] = timer.split(':');
    return active === '02' ? Number.parseInt(ticks, 16) / 100 : undefined;
  }
  throw new Error('there is no such connection');
}

describe('keepAlive and keepAliveInitialDelay', () => {
  const kept = keptServers();
  for (const [how, make] of [
    ['createServer', (options: object) => createServer({ cert, signer, ...options })],
    ['attach', (options: object) => attach(createTlsServer(options), { cert, signer })],
  ] as const) {
    it(`are those of the connections that the kernel has (${how})`, async () => {
      for (const [options, least, most] of [
        [{ keepAlive: true, keepAliveInitialDelay: 1_000_000 }, 900, 1_000],
        [{}, undefined, undefined],
      ] as const) {
        const server = kept(make(options));
        const port = await listen(server);
        const accepted = once(server, 'secureConnection');
        const client = await connectTls(port);
        await accepted;
        // What was just sent has a timer of its own until it is acknowledged.
        await when(
          least === undefined ? 'no timer' : `a timer of ${most} seconds`,
          () => keepAliveTimer(port, client.localPort),
          (seconds) =>
            least === undefined
              ? seconds === undefined
              : seconds !== undefined && seconds >= least && seconds <= most,
        );
        client.destroy();
      }
    });
  }
});

describe('noDelay', () => {
  const kept = keptServers();
  const forms: [string, () => Server, number][] = [
    ['true unless given', () => createServer({ cert, signer }), 1],
    ['false', () => createServer({ cert, signer, noDelay: false }), 0],
    [
      'false of a server attached to',
      () => attach(createHttpsServer({ noDelay: false }), { cert, signer }),
      0,
    ],
  ];
  for (const [what, make, expected] of forms) {
    it(`is that of the connections that the kernel has: ${what}`, async () => {
      const server = kept(make());
      const port = await listen(server);
      const accepted = once(server, 'secureConnection');
      const client = await connectTls(port);
      await accepted;
      expect(await tcpOptionsTo(client.localPort)).to.include({ noDelay: expected });
      client.destroy();
    });
  }
});
