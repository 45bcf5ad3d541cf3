import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { CountedServer } from '../fixtures/counted-server.ts';
import { needs } from '../fixtures/needs.ts';
import { connectTls } from '../fixtures/peers.ts';

const secureContext = createSecureContext();

async function connectMany(port: number, count: number): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: 50 }, () => connectTls(port, { secureContext }));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Bytes of a process that are in memory now. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

const megabyte = 1024 * 1024;

describe('the memory of s2n-tls is locked, as far as the limit goes', () => {
  needs('util-linux');

  for (const limit of [65_536, 8 * megabyte]) {
    it(`serves 1,000 open connections under a limit of ${limit / 1024} KiB`, async function () {
      this.timeout(60_000);
      const server = await CountedServer.start([`--memlock=${limit}`]);
      try {
        const sockets = await connectMany(server.port, 1000);
        const full = await server.when((now) => now.open === 1000);
        // As much as the limit lets it, in pieces of which the small one has room for none.
        expect(full.arenaBytesLocked).to.be.within(limit === 65_536 ? 0 : limit / 2, limit);
        expect(full.arenaBytesLocked + full.arenaBytesUnlocked).to.be.at.least(full.arenaBytesInUse);
        if (limit === 65_536) expect(full.arenaBytesUnlocked).to.be.above(0);
        const echoes = sockets.slice(0, 20).map(async (socket) => {
          socket.write('still served');
          return ((await once(socket, 'data')) as [Buffer])[0].toString();
        });
        expect(new Set(await Promise.all(echoes))).to.deep.equal(new Set(['still served']));
        for (const socket of sockets) socket.destroy();
      } finally {
        await server.stop();
      }
    });
  }

  it('is given back when 10,000 connections have come and gone, 500 at once', async function () {
    this.timeout(240_000);
    const server = await CountedServer.start([`--memlock=${8 * megabyte}`]);
    try {
      const rounds: { inUse: number; resident: number }[] = [];
      for (let round = 0; round < 20; round++) {
        const sockets = await connectMany(server.port, 500);
        const full = await server.when((now) => now.open === 500);
        for (const socket of sockets) socket.destroy();
        const empty = await server.when((now) => now.descriptors === 0);
        expect(full.arenaBytesInUse - empty.arenaBytesInUse).to.be.above(500 * 5000);
        rounds.push({ inUse: empty.arenaBytesInUse, resident: residentBytes(server.pid) });
        // Half a second later: all but one region in reserve.
        await server.when((now) => {
          return now.arenaBytesLocked + now.arenaBytesUnlocked <= now.arenaBytesInUse + 8 * megabyte;
        });
      }
      // What s2n and the engine's thread keep from their first connection on.
      const [, second, ...later] = rounds;
      for (const { inUse } of later) expect(inUse).to.equal(second?.inUse);
      // The process has its ups and downs, by V8's garbage above all; but it does not grow.
      const resident = rounds.map((round) => round.resident);
      const peak = Math.max(...resident.slice(0, 10));
      expect(Math.min(...resident.slice(10)), resident.join(', ')).to.be.at.most(peak + 16 * megabyte);
    } finally {
      await server.stop();
    }
  });
});
