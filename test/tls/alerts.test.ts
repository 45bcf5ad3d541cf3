import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
} from 'node:net';
import { expect } from 'chai';
import { createServer, type TlsConnectionError, type TlsServer } from '../../lib/index.ts';
import type { TlsServerOptions } from '../../lib/tls/server/server-options.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { clientHello } from '../fixtures/client-hello.ts';
import { HoldingSigner } from '../fixtures/holding-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');
const p384 = identity('P-384');
const tls13Only = {
  cert: p384.cert,
  signer: new AsynchronousSigner(p384.key),
  securityPolicy: '20250211',
};

/** Every alert record (RFC 8446 §5.1) in what a server sent in plaintext: its level and its number. */
function plaintextAlerts(bytes: Buffer): [number, number][] {
  const alerts: [number, number][] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] === 21) alerts.push([bytes.readUInt8(at + 5), bytes.readUInt8(at + 6)]);
  }
  return alerts;
}

/** What `openssl s_client` prints, both of its outputs, until it ends. */
function opensslOutput(port: number, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const connection = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost'];
    execFile('openssl', [...connection, ...args], { timeout: 30_000 }, (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
}

/**
 * A way to a server by which it learns of all that a client sends, but not that the client goes. openssl may go before the signature is
 * there; the server ends the handshake then, without a look at what the client has sent last.
 */
async function withoutClientsEnd(port: number): Promise<{ port: number; server: Server }> {
  const server = createTcpServer({ allowHalfOpen: true }, (client) => {
    const upstream = connectTcp(port, '127.0.0.1');
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => upstream.write(chunk));
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
    upstream.on('close', () => client.destroy());
  });
  return { port: await listen(server), server };
}

describe('alerts that a client gets when a handshake fails', () => {
  let server: TlsServer;

  afterEach(async () => {
    await close(server);
  });

  async function serve(options: Partial<TlsServerOptions> = {}): Promise<number> {
    server = createServer({ cert, signer: new AsynchronousSigner(key), ...options });
    return listen(server);
  }

  describe('openssl s_client', () => {
    needs('openssl');

    const refused: [string, string[], Partial<TlsServerOptions>, string, number][] = [
      ['an old protocol version', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], {}, 'protocol_version', 70],
      ['TLS 1.2 where 1.3 is asked for', ['-tls1_2'], tls13Only, 'protocol_version', 70],
      ['no common cipher suite', ['-tls1_2', '-cipher', 'AES128-SHA'], {}, 'handshake_failure', 40],
      [
        'no common cipher suite',
        ['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256'],
        {},
        'handshake_failure',
        40,
      ],
      ['no common group', ['-tls1_3', '-groups', 'X448'], {}, 'handshake_failure', 40],
      [
        'no common protocol',
        ['-tls1_2', '-alpn', 'spdy/1'],
        { ALPNProtocols: ['h2'] },
        'no_application_protocol',
        120,
      ],
      [
        'no common protocol',
        ['-tls1_3', '-alpn', 'spdy/1'],
        { ALPNProtocols: ['h2'] },
        'no_application_protocol',
        120,
      ],
    ];
    for (const [what, args, options, name, alert] of refused) {
      it(`reads ${name}: ${what} (${args[0] ?? ''})`, async () => {
        const port = await serve(options);
        const failed = next<TlsConnectionError>(server, 'tlsClientError');
        const output = await opensslOutput(port, args);
        expect(output)
          .to.include(`alert ${name.replaceAll('_', ' ')}`)
          .and.to.include(`SSL alert number ${alert}`);
        const error = await failed;
        expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert });
        expect(error.message).to.include(`${name} (${alert})`);
      });
    }

    const failing: [string, () => Promise<unknown>, string, Partial<TlsServerOptions>][] = [
      ['fails', () => Promise.reject(new Error('KMS is away')), 'ERR_S2N_PKEY_SIGNER', {}],
      [
        'gives a wrong signature',
        () => Promise.resolve(new Uint8Array(70)),
        'ERR_S2N_PKEY_SIGNATURE_INVALID',
        {},
      ],
      [
        'is too late',
        () => new Promise(() => undefined),
        'ERR_TLS_HANDSHAKE_TIMEOUT',
        { handshakeTimeout: 200 },
      ],
    ];
    for (const [what, answer, code, options] of failing) {
      for (const version of ['-tls1_2', '-tls1_3']) {
        it(`reads internal_error when the signer ${what} (${version})`, async () => {
          const signer = new AsynchronousSigner(key, answer);
          const { operations } = signer;
          const port = await serve({ ...options, signer });
          // A busy machine may not even start openssl before the handshake's deadline.
          const { output } = await when(
            'a handshake that gets as far as the signer',
            async () => {
              const failed = next<TlsConnectionError>(server, 'tlsClientError');
              const read = await opensslOutput(port, [version]);
              expect((await failed).code).to.equal(code);
              return { asked: operations.length, output: read };
            },
            ({ asked }) => asked > 0,
          );
          expect(output).to.include('alert internal error').and.to.include('SSL alert number 80');
        });
      }
    }

    it('is not answered when it has sent an alert itself, which the server names', async () => {
      const proxy = await withoutClientsEnd(await serve());
      const failed = next<TlsConnectionError>(server, 'tlsClientError');
      await opensslOutput(proxy.port, ['-tls1_3', '-verify_return_error']);
      const error = await failed;
      await close(proxy.server);
      expect(error.code).to.equal('ERR_S2N_PKEY_PEER_ALERT');
      expect(error.alert).to.equal(48);
      expect(error.message).to.match(/the peer sent the alert unknown_ca \(48\)\)$/);
    });
  });

  describe('of a client that hangs up while the signer is asked', () => {
    let signer: HoldingSigner;

    beforeEach(async () => {
      signer = new HoldingSigner(key);
      server = createServer({ cert, signer });
      await listen(server);
    });

    for (const version of ['-tls1_2', '-tls1_3']) {
      it(`is read though it lies before the end, openssl ${version}`, async () => {
        const { port } = server.address() as AddressInfo;
        const failed = next<TlsConnectionError>(server, 'tlsClientError');
        const read = opensslOutput(port, [version, '-verify_return_error']);
        const error = await failed; // The signature is held meanwhile.
        expect(signer.held).to.equal(1);
        expect(error).to.include({ code: 'ERR_S2N_PKEY_PEER_ALERT', alert: 48 });
        expect(await read).to.include('verify error');
      });
    }

    it('is ECONNRESET without an alert, or with one that cannot be read', async () => {
      const { port } = server.address() as AddressInfo;
      for (const last of [
        '',
        '1503030002',
        '17030300130000000000000000000000000000000000000000',
        '160303000100',
      ]) {
        const failed = next<TlsConnectionError>(server, 'tlsClientError');
        const client = connectTcp(port, '127.0.0.1');
        client.on('error', () => undefined).resume();
        client.write(await clientHello());
        await signer.holds(1);
        client.end(Buffer.from(last, 'hex'));
        expect((await failed).code, last).to.equal('ECONNRESET');
        signer.release();
      }
    });
  });

  it("is sent in plaintext after the server's first flight, too: TLS 1.2, an unexpected message", async () => {
    const port = await serve();
    const failed = next<TlsConnectionError>(server, 'tlsClientError');
    const client = connectTcp(port, '127.0.0.1');
    client.write(await clientHello({ maxVersion: 'TLSv1.2' }));
    await once(client, 'readable'); // the server's flight
    client.write(Buffer.from('160303000414000000', 'hex')); // an empty Finished
    expect(plaintextAlerts(await readAll(client))).to.deep.equal([[2, 10]]);
    expect(await failed).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 10 });
  });

  it('comes in plaintext after a HelloRetryRequest, too', async () => {
    const port = await serve();
    const failed = next<TlsConnectionError>(server, 'tlsClientError');
    const client = connectTcp(port, '127.0.0.1');
    client.write(await clientHello({ minVersion: 'TLSv1.3', ecdhCurve: 'X448:P-256' })); // a share for X448 only
    await once(client, 'readable');
    client.write(Buffer.from('160303000414000000', 'hex'));
    expect(plaintextAlerts(await readAll(client))).to.deep.equal([[2, 10]]);
    expect(await failed).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 10 });
  });

  it('comes at once for a hello whose lengths do not fit together', async () => {
    const port = await serve();
    const failed = next<TlsConnectionError>(server, 'tlsClientError');
    const client = connectTcp(port, '127.0.0.1');
    const hello = await clientHello();
    hello.writeUInt16BE(0xfffe, 44 + hello.readUInt8(43)); // after the session id: the length of the cipher suites
    client.write(hello);
    expect(plaintextAlerts(await readAll(client))).to.deep.equal([[2, 10]]);
    expect(await failed).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 10 });
  });
});
