import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { clientHello } from '../fixtures/client-hello.ts';
import { identity } from '../fixtures/identity.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { when } from '../fixtures/when.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');

interface Counts {
  handshaking: number;
  open: number;
  silent: number;
  descriptors: number;
  arenaBytesInUse: number;
}

describe('a slow peer', () => {
  let program: Program;
  let port: number;

  beforeEach(async () => {
    const file = new URL('../fixtures/limited-server.ts', import.meta.url);
    program = runProgram(file, ['tcp'], { KEY: key, CERT: cert });
    ({ port } = (await program.nextLine()) as { port: number });
  });

  afterEach(async () => {
    await program.stop();
  });

  async function ask<T>(command: string): Promise<T> {
    program.sendLine(command);
    for (;;) {
      const told = (await program.nextLine()) as { answer?: T };
      if ('answer' in told) return told.answer;
    }
  }

  /** Asks the engine until it says so. */
  function until(reached: (counts: Counts) => boolean): Promise<Counts> {
    return when('what a test expects of the engine', () => ask<Counts>('diagnostics'), reached);
  }

  async function served(): Promise<TLSSocket> {
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(client, 'secureConnect');
    await echoes(client);
    return client;
  }

  async function echoes(client: TLSSocket): Promise<void> {
    client.write('served');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).to.equal('served');
  }

  it('never ends its handshake: thousands of them cost JavaScript one accept each, and nobody waits', async function () {
    this.timeout(120_000);
    // Where the limit of open files lets there be so many: room is kept for all three descriptors of each.
    const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
    const count = Math.min(10_000, Math.floor(limit * 0.3));
    const hello = await clientHello();
    const before = { ...(await ask<Counts>('diagnostics')), rss: await ask<number>('memory') };
    await ask('engine calls');
    const slow: Socket[] = [];
    while (slow.length < count) {
      const batch = Array.from({ length: Math.min(100, count - slow.length) }, () =>
        connect(port, '127.0.0.1'),
      );
      for (const socket of batch) socket.on('error', () => undefined);
      await Promise.all(batch.map((socket) => once(socket, 'connect')));
      for (const socket of batch) socket.write(hello.subarray(0, 100));
      slow.push(...batch);
    }
    const held = await until(({ handshaking }) => handshaking === count);
    for (const socket of slow) socket.write(hello.subarray(100, 101));
    for (let i = 0; i < 20; i++) {
      const client = await served();
      client.end();
      await once(client, 'close');
    }
    expect((await until(({ open }) => open === 0)).handshaking).to.equal(count);
    // Twenty connections were told of, and none of the slow ones.
    expect(await ask<number>('engine calls')).to.be.within(20, 200);
    const arena = (held.arenaBytesInUse - before.arenaBytesInUse) / count;
    const rss = ((await ask<number>('memory')) - before.rss) / count;
    expect(arena, "bytes of s2n's memory for each").to.be.lessThan(100); // none before the hello has come
    expect(rss, 'bytes of the process for each').to.be.lessThan(5_000);
    for (const socket of slow) socket.resetAndDestroy();
    await until(({ descriptors }) => descriptors === 0);
  });

  it('never reads: what the server writes stops at a bound, and memory is back when it has gone', async () => {
    const other = await served();
    // The engine's thread has its own buffers, from its first connection on.
    const before = await ask<Counts>('diagnostics');
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(client, 'secureConnect');
    client.on('error', () => undefined);
    client.pause();
    // The server echoes: whatever it has taken, somebody holds.
    const chunk = Buffer.alloc(65_536);
    const most = 32 * 1024 * 1024;
    // It has stopped when others are served so often without its taking a byte.
    for (let turns = 0; turns < 50 && client.bytesWritten < 2 * most;) {
      if (client.writableNeedDrain) {
        await echoes(other);
        turns += 1;
      } else {
        client.write(chunk);
        turns = 0;
      }
    }
    const { arenaBytesInUse } = await ask<Counts>('diagnostics');
    // Most of it is in the kernel, both ways through two connections and a pair of sockets.
    expect(client.bytesWritten).to.be.within(100_000, most);
    expect(arenaBytesInUse - before.arenaBytesInUse, "of s2n's memory").to.be.lessThan(200_000);
    other.destroy();
    client.destroy();
    const after = await until(({ open, descriptors }) => open === 0 && descriptors === 0);
    expect(after.arenaBytesInUse, "of s2n's memory").to.be.at.most(before.arenaBytesInUse + 12_000);
  });

  describe('openssl s_client', () => {
    needs('openssl');

    it('asks for another handshake (renegotiation, TLS 1.2): it gets none, and others do not notice', async () => {
      const bystander = await served();
      const openssl = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2']);
      let output = '';
      for (const stream of [openssl.stdout, openssl.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      }
      const says = (words: string): Promise<string> =>
        when(
          `openssl to say ${words}`,
          () => output,
          (text) => text.includes(words),
        );
      await says('Verify return code');
      openssl.stdin.write('R\n');
      await says('RENEGOTIATING');
      const told = (await program.nextLine()) as object;
      expect(told).to.deep.equal({ event: 'error', code: 'ERR_S2N_PKEY_PROTOCOL' });
      openssl.kill();
      await once(openssl, 'close');
      bystander.write('still here');
      expect(String(((await once(bystander, 'data')) as [Buffer])[0])).to.equal('still here');
      bystander.destroy();
    });
  });
});
