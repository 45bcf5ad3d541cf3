import { once } from 'node:events';
import { expect } from 'chai';
import { signerConformance } from '../../../lib/signers/conformance/signer-conformance.ts';
import { KmsError } from '../../../lib/signers/kms/client/kms-error.ts';
import { LocalKeySigner } from '../../../lib/signers/local-key-signer.ts';
import type { Signer } from '../../../lib/signers/signer.ts';
import { serveSigner, SocketSigner, SocketSignerError } from '../../../lib/signers/socket/socket-signer.ts';
import { readdir } from 'node:fs/promises';
import { localSigner } from '../../certificate/signers.ts';
import { makeKeyPair, privateKeyPem } from '../key-pairs.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { asked, HeldSigner, hello, message, sockets } from './sockets.ts';

describe('SocketSigner', () => {
  const at = sockets();

  for (const key of ['P-256', 'P-521', 'RSA-2048'] as const) {
    describe(`does what a Signer must, with ${key} in the other process`, () => {
      const openServed = async (): Promise<Signer> => {
        await at.serve({ signer: localSigner(key) });
        return at.open();
      };
      for (const { name, run } of signerConformance({ open: openServed, patience: 20_000 })) {
        it(name, run).timeout(60_000);
      }
    });
  }

  describe('many at once', () => {
    it('makes a thousand signatures on one connection, never more at once than the server accepts', async () => {
      let underWay = 0;
      let most = 0;
      const inner = localSigner('P-256');
      const { publicKey, schemes } = inner;
      const counting: Signer = {
        ...{ publicKey, schemes },
        sign: async (operation) => {
          most = Math.max(most, ++underWay);
          await new Promise((resolve) => setImmediate(resolve));
          underWay--;
          return inner.sign(operation);
        },
      };
      const server = await at.serve({ signer: counting, maxInFlight: 50 });
      const client = await at.open();
      const signatures = await Promise.all(Array.from({ length: 1_000 }, () => client.sign(asked)));
      for (const signature of signatures) {
        expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
      }
      expect(most).to.equal(50);
      expect(server.connections).to.equal(1);
    });

    it('answers each with its own, in whatever order they are done', async () => {
      const held = new HeldSigner();
      await at.serve({ signer: held });
      const client = await at.open();
      const order: number[] = [];
      const all = [0, 1, 2].map((index) => client.sign(asked).then(() => order.push(index)));
      await held.begun(3);
      for (const index of [2, 0, 1]) {
        held.held[index]?.answer();
        await all[index];
      }
      expect(order).to.deep.equal([2, 0, 1]);
    });
  });

  describe('when a signature is aborted', () => {
    it('cancels it in the other process, whose signer gets an aborted signal', async () => {
      const held = new HeldSigner();
      await at.serve({ signer: held });
      const client = await at.open();
      const abort = new AbortController();
      const signed = rejectionOf(client.sign(asked, { signal: abort.signal }));
      await held.begun(1);
      abort.abort(new Error('the peer left'));
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
      const signal = held.held[0]?.signal;
      if (signal?.aborted === false) await once(signal, 'abort');
      expect(signal?.aborted).to.equal(true);
    });

    it('says so when the whole client has gone', async () => {
      const held = new HeldSigner();
      await at.serve({ signer: held });
      const client = await at.open();
      const signed = rejectionOf(client.sign(asked));
      await held.begun(1);
      client.close();
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
      const signal = held.held[0]?.signal;
      if (signal?.aborted === false) await once(signal, 'abort');
      expect(signal?.aborted).to.equal(true);
    });

    it('gives up after its timeout', async () => {
      await at.serve({ signer: new HeldSigner() });
      const client = await at.open({ timeout: 300 });
      const error = await rejectionOf(client.sign(asked));
      expect(error)
        .to.be.instanceOf(SocketSignerError)
        .and.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_TIMEOUT', path: at.path });
    });
  });

  describe('when the other process', () => {
    it('fails to sign, has its code and message', async () => {
      const { publicKey, schemes } = localSigner('P-256');
      const facts = { operation: 'Sign', keyId: 'alias/site' };
      const failing = new KmsError('ERR_S2N_PKEY_KMS_THROTTLED', 'have the quota raised', facts);
      await at.serve({ signer: { publicKey, schemes, sign: () => Promise.reject(failing) } });
      const error = await rejectionOf((await at.open()).sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_THROTTLED' });
      expect(error).to.have.property('message').that.includes('have the quota raised').and.includes(at.path);
    });

    it('is restarted, signs what was asked for meanwhile', async () => {
      const first = new HeldSigner();
      const server = await at.serve({ signer: first });
      const client = await at.open();
      const lost = client.sign(asked);
      await first.begun(1);
      await server.close(0);
      const meanwhile = client.sign(asked);
      await at.serve();
      for (const signature of await Promise.all([lost, meanwhile])) {
        expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
      }
    });

    it('finishes pending signatures, then removes its file', async () => {
      const held = new HeldSigner();
      const server = await at.serve({ signer: held });
      const client = await at.open();
      const signed = client.sign(asked);
      await held.begun(1);
      const closed = server.close();
      held.held[0]?.answer();
      expect(verifiesUnder(asked.scheme, message, client.publicKey, await signed)).to.equal(true);
      await closed;
      expect(await readdir(at.folder)).to.deep.equal([]);
    });

    it('does not come back, says so when the time is up', async () => {
      const server = await at.serve();
      const client = await at.open({ timeout: 400 });
      await server.close();
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      expect(error).to.have.property('message').that.includes('npx s2n-pkey signer');
    });

    it('comes back with another key, refuses it by name', async () => {
      const server = await at.serve();
      const client = await at.open();
      await server.close();
      await at.serve({ signer: new LocalKeySigner({ key: privateKeyPem(makeKeyPair('P-256')) }) });
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_WRONG_KEY' });
      expect(error).to.have.property('message').that.includes('open the signer again');
    });

    it('says hello and ends, again and again, is asked again, and less and less often', async () => {
      let connections = 0;
      await at.fake((socket, count) => {
        connections = count;
        socket.write(hello());
        socket.on('data', () => socket.destroy());
      });
      const client = await at.open({ timeout: 700 });
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      expect(connections).to.be.within(2, 12);
    });
  });

  it('refuses options that mean nothing, by name', async () => {
    const signer = localSigner('P-256');
    for (const [option, options] of [
      ['path', {}],
      ['path', { path: 'x'.repeat(120) }],
      ['timeout', { path: at.path, timeout: 0 }],
      ['allowOthers', { path: at.path, allowOthers: 1 }],
    ] as const) {
      expect(await rejectionOf(SocketSigner.open(options as never))).to.include({ option });
    }
    for (const [option, options] of [
      ['signer', { path: at.path }],
      ['path', { signer }],
      ['mode', { signer, path: at.path, mode: '600' }],
      ['maxInFlight', { signer, path: at.path, maxInFlight: 0 }],
      ['maxConnections', { signer, path: at.path, maxConnections: 1.5 }],
    ] as const) {
      expect(await rejectionOf(serveSigner(options as never))).to.include({ option });
    }
  });
});
