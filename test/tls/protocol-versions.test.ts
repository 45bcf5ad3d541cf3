import type { Server } from 'node:net';
import { expect } from 'chai';
import { createServer, LocalKeySigner, type TlsServerOptions } from '../../lib/index.ts';
import { identity, type KeyKind } from '../fixtures/identity.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';

describe('minVersion and maxVersion', () => {
  let server: Server | undefined;
  afterEach(async () => {
    if (server?.listening) await close(server);
  });

  function serving(options: object, kind: KeyKind = 'P-256'): Server {
    const { key, cert } = identity(kind);
    const all: TlsServerOptions = { cert, signer: new LocalKeySigner({ key }), ...options };
    return (server = createServer(all, (socket) => socket.end()));
  }

  async function agreed(port: number, version: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> {
    const client = await connectTls(port, { minVersion: version, maxVersion: version }).catch(
      () => undefined,
    );
    if (!client) return null;
    const protocol = client.getProtocol();
    await readAll(client);
    return protocol;
  }

  const cases = [
    [{}, 'TLSv1.2', 'TLSv1.3'],
    [{ minVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.3'],
    [{ minVersion: 'TLSv1.3' }, null, 'TLSv1.3'],
    [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2', null],
    [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }, null, 'TLSv1.3'],
    [{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, 'TLSv1.2', null],
    [{ minVersion: 'TLSv1.3', securityPolicy: 'default' }, null, 'TLSv1.3'],
    [{ maxVersion: 'TLSv1.2', securityPolicy: 'default' }, 'TLSv1.2', null],
  ] as const;
  for (const [options, tls12, tls13] of cases) {
    it(`${JSON.stringify(options)} lets in ${[tls12, tls13].filter(Boolean).join(' and ')}, whatever the key`, async () => {
      for (const kind of ['P-256', 'P-384', 'P-521', 'RSA-2048'] as const) {
        const port = await listen(serving(options, kind));
        expect(await agreed(port, 'TLSv1.2'), kind).to.equal(tls12);
        expect(await agreed(port, 'TLSv1.3'), kind).to.equal(tls13);
        if (server) await close(server);
      }
    });
  }

  it('are refused by name for what s2n-tls does not do, with the reason', () => {
    const refusals: [object, RegExp][] = [
      [{ minVersion: 'TLSv1.1' }, /^minVersion: .*SHA-1.*TLSv1\.1/],
      [{ maxVersion: 'TLSv1' }, /^maxVersion: .*SHA-1/],
      [{ minVersion: 'tls1.3' }, /^minVersion: expected 'TLSv1\.2' or 'TLSv1\.3'; given 'tls1\.3'/],
      [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, /^minVersion: .*maxVersion/],
      [
        { minVersion: 'TLSv1.3', securityPolicy: '20240501' },
        /^security policy '20240501' .* TLS 1\.2 alone/,
      ],
      [
        { maxVersion: 'TLSv1.2', securityPolicy: '20250414' },
        /^security policy '20250414' .* TLS 1\.3 alone/,
      ],
    ];
    for (const [options, message] of refusals) {
      expect(() => serving(options), JSON.stringify(options))
        .to.throw(message)
        .with.property('code')
        .that.is.oneOf(['ERR_S2N_PKEY_INVALID_OPTION', 'ERR_S2N_PKEY_SECURITY_POLICY']);
    }
  });
});
