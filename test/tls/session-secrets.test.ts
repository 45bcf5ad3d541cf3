import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { CountedServer } from '../fixtures/counted-server.ts';
import { identity } from '../fixtures/identity.ts';
import { searchMemory } from '../fixtures/memory-image.ts';
import { testNeeds } from '../fixtures/needs.ts';

/** What a connection's client and server share and nobody else may learn, by name. */
type Secrets = Map<string, Buffer>;

/** AES-128's key of a TLS 1.3 traffic secret (RFC 8446 §7.3). */
function trafficKey(secret: Buffer): Buffer {
  const label = 'tls13 key';
  const info = Buffer.from([0, 16, label.length, ...Buffer.from(label), 0, 1]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, 16);
}

/** A connection that has carried a message each way, and its secrets as its client logs them (SSLKEYLOGFILE). */
async function talk(
  port: number,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<{ client: TLSSocket; secrets: Secrets }> {
  const secrets: Secrets = new Map();
  const client = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
  });
  client.on('keylog', (line: Buffer) => {
    const [name = '', , secret = ''] = line.toString().trim().split(' ');
    secrets.set(name, Buffer.from(secret, 'hex'));
  });
  await once(client, 'secureConnect');
  client.write('hello');
  await once(client, 'data');
  for (const side of ['CLIENT', 'SERVER']) {
    const secret = secrets.get(`${side}_TRAFFIC_SECRET_0`);
    if (secret) secrets.set(`${side} write key`, trafficKey(secret));
  }
  return { client, secrets };
}

/** What the server of an open connection must have. */
const needed = {
  'TLSv1.2': ['CLIENT_RANDOM'], // the master secret
  'TLSv1.3': ['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'],
};

describe("A session's secrets", () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`are nowhere in the server's memory once the connection is closed (${version})`, async () => {
      const server = await CountedServer.start();
      try {
        const { client, secrets } = await talk(server.port, version);
        const open = searchMemory(server.pid, secrets);
        expect([...open.found], 'what the search finds while it is there').to.include.members(
          needed[version],
        );
        client.destroy();
        await server.when((now) => now.descriptors === 0);
        const closed = searchMemory(server.pid, secrets);
        expect([...closed.found]).to.deep.equal([]);
      } finally {
        await server.stop();
      }
    }).timeout(60_000);
  }

  it('are not in a core that the kernel dumps while the connection is open', async function () {
    this.timeout(60_000);
    testNeeds(this, 'util-linux', 'core files');
    const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-core-'));
    try {
      const server = await CountedServer.start(['--core=unlimited'], folder);
      const { client, secrets } = await talk(server.port, 'TLSv1.3');
      client.on('error', () => undefined);
      const inMemory = searchMemory(server.pid, secrets).found;
      expect([...inMemory]).to.include.members(needed['TLSv1.3']);
      await server.abort();
      const [core = ''] = readdirSync(folder);
      expect(core, 'a core').to.match(/^core/);
      // What is dumped: the certificate, which is no secret, is looked for to see that the search finds anything.
      const known: Secrets = new Map([['certificate', Buffer.from(identity('P-256').cert.slice(100, 160))]]);
      const found = searchFile(join(folder, core), new Map([...secrets, ...known]));
      expect([...found]).to.deep.equal(['certificate']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function searchFile(file: string, needles: Secrets): Set<string> {
  const found = new Set<string>();
  const overlap = 64;
  const window = Buffer.alloc(8 * 1024 * 1024 + overlap);
  const descriptor = openSync(file, 'r');
  try {
    for (let read = 1, kept = 0; read > 0;) {
      read = readSync(descriptor, window, kept, window.length - overlap, null);
      const filled = window.subarray(0, kept + read);
      for (const [name, needle] of needles) if (filled.includes(needle)) found.add(name);
      kept = Math.min(overlap, filled.length);
      filled.copyWithin(0, filled.length - kept);
    }
  } finally {
    closeSync(descriptor);
  }
  return found;
}
