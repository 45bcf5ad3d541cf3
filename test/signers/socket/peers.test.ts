import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { ServedSignature } from '../../../lib/signers/socket/socket-signer.ts';
import { localSigner } from '../../certificate/signers.ts';
import { needs } from '../../fixtures/needs.ts';
import { when } from '../../fixtures/when.ts';
import { rejectionOf } from '../rejection.ts';
import { asked, HeldSigner, sockets } from './sockets.ts';

const uid = process.getuid?.() ?? -1;
const gid = process.getgid?.() ?? -1;
/** Prints what the server says first, up to the end of the connection or the first kilobyte. */
const greeted = `
  const socket = require('net').connect(process.argv[1]);
  socket.on('data', (data) => { process.stdout.write(data); socket.end(); });
  socket.on('error', (error) => process.stdout.write(error.code));
`;

describe('The processes that connect to a signer', () => {
  const at = sockets();

  it('are named in the report of each signature', async () => {
    const reports: ServedSignature[] = [];
    await at.serve({ onSignature: (report) => reports.push(report) });
    const client = await at.open();
    await client.sign(asked);
    expect(reports.map(({ peer }) => ({ ...peer, groups: undefined }))).to.deep.equal([
      { pid: process.pid, uid, gid, groups: undefined },
    ]);
    // Node lists the group itself among the supplementary ones.
    expect(new Set([gid, ...(reports[0]?.peer?.groups ?? [])])).to.deep.equal(
      new Set([gid, ...(process.getgroups?.() ?? [])]),
    );
  });

  for (const [what, allow] of [
    ['their user', { uids: [uid] }],
    ['their group', { gids: [gid] }],
  ] as const) {
    it(`are let in for ${what}`, async () => {
      await at.serve({ allow });
      expect(await (await at.open()).sign(asked)).to.be.instanceOf(Uint8Array);
    });
  }

  it('are refused with a code of its own, which nobody waits for', async () => {
    const refused: unknown[] = [];
    await at.serve({ allow: { uids: [uid + 1], gids: [gid + 1] }, onRefused: (peer) => refused.push(peer) });
    const error = await rejectionOf(at.open({ timeout: 60_000 }));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_REFUSED' });
    expect(error).to.have.property('message').that.includes(`user ${uid}, group ${gid} may not sign here`);
    expect(refused).to.have.lengthOf(1);
    expect(refused[0]).to.include({ pid: process.pid, uid, gid });
  });

  describe('as other users', () => {
    needs('util-linux');
    before(function () {
      if (uid !== 0) this.skip(); // Only root becomes another user.
    });

    async function greetingAs(...identity: string[]): Promise<string> {
      await chmod(at.folder, 0o711);
      const child = spawn('setpriv', [...identity, '--', process.execPath, '-e', greeted, at.path]);
      const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
      return said;
    }
    const open = { mode: 0o666, allowOthers: true };

    it('are let in or refused by what the kernel says of them', async () => {
      await at.serve({ ...open, allow: { uids: [65_533] } });
      const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
      expect(await greetingAs(...nobody)).to.include('user 65534, group 65534 may not sign here');
      expect(await greetingAs('--reuid=65533', '--regid=65534', '--clear-groups')).to.include('publicKey');
    });

    it('are let in by a supplementary group, as the permissions of a file would', async () => {
      await at.serve({ ...open, allow: { gids: [4242] } });
      const user = ['--reuid=65534', '--regid=65534'];
      expect(await greetingAs(...user, '--groups=4241')).to.include('may not sign here');
      expect(await greetingAs(...user, '--groups=4241,4242')).to.include('publicKey');
    });
  });

  for (const [what, allow, option] of [
    ['nothing', null, 'allow'],
    ['nobody', {}, 'allow'],
    ['empty lists', { uids: [], gids: [] }, 'allow'],
    ['an array', [1000], 'allow'],
    ['names', { uids: ['root'] }, 'allow.uids[0]'],
    ['-1', { gids: [-1] }, 'allow.gids[0]'],
    ["the kernel's none", { uids: [1, 2 ** 32 - 1] }, 'allow.uids[1]'],
    ['an unknown list', { users: [1] }, 'allow.users'],
  ] as const) {
    it(`cannot be limited to ${what}: refused by name`, async () => {
      const error = await rejectionOf(at.serve({ allow: allow as never }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
    });
  }
});

describe('A reload of a signer', () => {
  const at = sockets();

  it('keeps clients connected, and ends with the former signer what it began', async () => {
    const former = new HeldSigner();
    const reports: ServedSignature[] = [];
    const server = await at.serve({ signer: former, onSignature: (report) => reports.push(report) });
    const client = await at.open();
    const early = client.sign(asked);
    await former.begun(1);

    const later = new HeldSigner();
    let unused = false;
    const reloaded = server.reload({ signer: later }).then(() => (unused = true));
    const late = client.sign(asked);
    await later.begun(1);
    later.held[0]?.answer();
    await late;
    expect(unused, 'the former signer is in use').to.equal(false);
    former.held[0]?.answer();
    await early;
    await reloaded;
    expect(reports.map(({ connection }) => connection)).to.deep.equal([1, 1]);
  });

  it('ends the connections of those that are not let in any more, and of no others', async () => {
    const signer = localSigner('P-256');
    const server = await at.serve({ signer });
    const client = await at.open();
    await server.reload({ signer, allow: { uids: [uid] } });
    expect(server.connections).to.equal(1);
    await client.sign(asked);
    await server.reload({ signer, allow: { uids: [uid + 1] } });
    await when(
      'the connection has ended',
      () => server.connections,
      (count) => count === 0,
    );
    expect(await rejectionOf(client.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_REFUSED' });
  });

  it('changes the schemes and limits of clients that are connected', async () => {
    const signer = localSigner('P-256');
    const server = await at.serve({ signer });
    const client = await at.open();
    await server.reload({ signer, schemes: ['ecdsa_secp384r1_sha384'] });
    expect(await rejectionOf(client.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
    await server.reload({ signer, signatureLimits: { perSecond: 0.001, queue: 0 } });
    await client.sign(asked); // One is always had at once.
    expect(await rejectionOf(client.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED' });
    await server.reload({ signer, signatureLimits: { perSecond: 0.001, queue: 0 } });
    expect(await rejectionOf(client.sign(asked)), 'the same limits are not had again').to.include({
      code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED',
    });
  });

  it('refuses another key and wrong options by name, and goes on as before', async () => {
    const signer = localSigner('P-256');
    const server = await at.serve({ signer });
    const client = await at.open();
    for (const [options, option] of [
      [{ signer: localSigner('P-384') }, 'signer'],
      [{ signer, maxInFlight: 0 }, 'maxInFlight'],
      [{ signer, allow: {} }, 'allow'],
      [{ signer, schemes: ['mldsa44'] }, 'schemes[0]'],
    ] as const) {
      expect(await rejectionOf(server.reload(options))).to.include({ option });
    }
    await client.sign(asked);
  });
});

describe('A descriptor in place of a path', () => {
  const at = sockets();

  it('is refused by name when it is no Unix socket that listens', async () => {
    const file = openSync('/dev/null', 'r');
    const tcp = createServer().listen(0);
    await once(tcp, 'listening');
    const { fd: listening } = (tcp as unknown as { _handle: { fd: number } })._handle;
    for (const fd of [-1, 1.5, '3', 999_999, file, listening]) {
      const error = await rejectionOf(at.serve({ path: undefined as never, fd: fd as never }));
      expect(error, String(fd)).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'fd' });
    }
    closeSync(file);
    tcp.close();
  });

  it('is not taken together with a path or a mode', async () => {
    expect(await rejectionOf(at.serve({ fd: 0 }))).to.include({ option: 'path' });
    expect(await rejectionOf(at.serve({ path: undefined as never, mode: 0o600, fd: 0 }))).to.include({
      option: 'mode',
    });
  });
});
