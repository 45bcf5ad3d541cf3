import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, LocalKeySigner, TlsSocket } from '../../lib/index.ts';
import { unsupportedMethods, unsupportedSocketMethods } from '../../lib/tls/socket/unsupported-methods.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, next } from '../fixtures/peers.ts';

describe('the surface of node:tls', () => {
  // What Node's own code calls of a TLSSocket that it made itself.
  const isInternal = (name: string): boolean => name.startsWith('_') || name === 'constructor';

  it('is whole: a TlsSocket has every method of tls.TLSSocket as its own', () => {
    for (const name of Object.getOwnPropertyNames(TLSSocket.prototype)) {
      if (!isInternal(name)) expect(TlsSocket.prototype, name).to.have.own.property(name);
    }
  });

  it('acts on the TCP connection, or refuses to, where net.Socket would act on a descriptor', () => {
    /** Of streams and timers alone, or of the plaintext's descriptor, where it is that which is meant. */
    const inherited = new Set([
      ...[
        'setTimeout',
        'pending',
        'readyState',
        'bufferSize',
        'end',
        'pause',
        'resume',
        'read',
        'destroySoon',
      ],
      ...['bytesRead', 'bytesWritten', 'connect', 'ref', 'unref'],
    ]);
    for (const name of Object.getOwnPropertyNames(Socket.prototype)) {
      const own = Object.hasOwn(TlsSocket.prototype, name);
      if (!isInternal(name)) expect(own, name).to.equal(!inherited.has(name));
    }
  });

  it('says clearly what s2n-tls cannot do, and the documentation lists it', async () => {
    const { key, cert } = identity('P-256');
    const server = createServer({ cert, signer: new LocalKeySigner({ key }) });
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectTls(port);
    const socket = await secure;
    const documented = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8');
    const ofSocket = Object.keys(unsupportedSocketMethods).filter((name) => name in Socket.prototype);
    for (const name of [...Object.keys(unsupportedMethods), ...ofSocket]) {
      const method = Reflect.get(socket, name) as () => unknown;
      expect(() => method.call(socket), name)
        .to.throw(new RegExp(`^${name} is not supported: `))
        .with.property('code', 'ERR_S2N_PKEY_UNSUPPORTED');
      expect(documented).to.contain(`\`${name}()\``);
    }
    expect(() => socket.setServername('x'))
      .to.throw()
      .with.property('code', 'ERR_TLS_SNI_FROM_SERVER');
    expect(socket.getEphemeralKeyInfo()).to.equal(null);
    expect(socket.getSession()).to.equal(undefined);
    socket.disableRenegotiation();
    const refusal = new Promise((resolve) => expect(socket.renegotiate({}, resolve)).to.equal(false));
    expect(await refusal).to.have.property('code', 'ERR_S2N_PKEY_UNSUPPORTED');
    expect(socket.ref().unref().setTimeout(1000)).to.equal(socket);
    socket.destroy();
    client.destroy();
    await close(server);
  });
});
