import { once } from 'node:events';
import { link, readdir, stat, writeFile, mkdir, utimes } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { SocketSigner } from '../../../lib/signers/socket/socket-signer.ts';
import { rejectionOf } from '../rejection.ts';
import { asked, sockets } from './sockets.ts';

describe("The file of a signer's socket", () => {
  const at = sockets();

  describe('has permissions', () => {
    it('of this user alone, from its first moment', async () => {
      await at.serve();
      expect((await stat(at.path)).mode & 0o777).to.equal(0o600);
      expect(await readdir(at.folder)).to.deep.equal(['signer.sock']);
    });

    it('that may admit every user only with allowOthers, on both sides', async () => {
      const refused = await rejectionOf(at.serve({ mode: 0o666 }));
      expect(refused).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'mode' });
      await at.serve({ mode: 0o666, allowOthers: true });
      const error = await rejectionOf(at.open());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PERMISSIONS' });
      expect(error).to.have.property('message').that.includes('mode 666').and.includes('allowOthers: true');
      expect(await at.open({ allowOthers: true })).to.be.instanceOf(SocketSigner);
    });

    it('and must be a socket: another file, or none, is refused', async () => {
      expect(await rejectionOf(at.open())).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      await writeFile(at.path, 'a file');
      expect(await rejectionOf(at.open())).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PERMISSIONS' });
      const error = await rejectionOf(at.serve());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE' });
      expect((await stat(at.path)).isFile()).to.equal(true);
    });
  });

  describe('a socket that is there already', () => {
    it('is replaced when no process listens on it', async () => {
      const left = createServer().listen(join(at.folder, 'other'));
      await once(left, 'listening');
      await link(join(at.folder, 'other'), at.path);
      left.close();
      await once(left, 'close');
      expect((await stat(at.path)).isSocket()).to.equal(true);
      await at.serve();
      expect(await at.open()).to.be.instanceOf(SocketSigner);
    });

    it('is replaced by one of several that start at once, which all can reach', async () => {
      const left = createServer().listen(join(at.folder, 'other'));
      await once(left, 'listening');
      await link(join(at.folder, 'other'), at.path);
      left.close();
      await once(left, 'close');
      const started = await Promise.allSettled(Array.from({ length: 8 }, () => at.serve()));
      expect(started.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1);
      const client = await at.open();
      expect(await client.sign(asked)).to.be.instanceOf(Uint8Array);
      expect(await readdir(at.folder)).to.deep.equal(['signer.sock']);
    });

    it('is replaced although a process that was killed left its lock', async () => {
      const lock = `${at.path}.lock`;
      await mkdir(lock);
      await utimes(lock, new Date(0), new Date(0));
      await at.serve();
      expect(await readdir(at.folder)).to.deep.equal(['signer.sock']);
    });

    it('is kept if a process listens on it, which continues to sign', async () => {
      await at.serve();
      const client = await at.open();
      const error = await rejectionOf(at.serve());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE' });
      expect(await client.sign(asked))
        .to.have.property('length')
        .that.is.above(60);
      expect(await readdir(at.folder)).to.deep.equal(['signer.sock']);
    });
  });
});
