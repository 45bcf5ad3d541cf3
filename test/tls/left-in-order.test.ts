import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createNodeServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, diagnostics, LocalKeySigner, type TlsSocket } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { whenBlocked } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

/** Asks, ends its side, and goes with the first bytes of the answer: those that follow are met by a RST. */
const client = `
const { writeFileSync } = require('node:fs');
const [, port, gone] = process.argv;
const socket = require('node:tls').connect({ port, rejectUnauthorized: false, allowHalfOpen: true });
socket.end('question');
socket.once('data', () => {
  socket.destroy();
  socket.on('close', () => writeFileSync(gone, ''));
});`;

/** What a server's socket tells that looks up from other work only when the client has gone. */
async function told(server: Server, isOver: () => boolean): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-'));
  const gone = join(folder, 'gone');
  const port = await listen(server);
  const left = spawn(process.execPath, ['-e', client, String(port), gone], { stdio: 'inherit' });
  try {
    const [socket] = (await once(server, 'secureConnection')) as [TLSSocket | TlsSocket];
    const events: string[] = [];
    const closed = new Promise<void>((resolve) => {
      socket.on('end', () => events.push('end'));
      socket.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${String(error.code)}`));
      socket.on('close', (hadError) => {
        events.push(hadError ? 'close after an error' : 'close in order');
        resolve();
      });
    });
    socket.once('data', () => {
      socket.write(Buffer.alloc(100_000));
      whenBlocked(
        'the client to go',
        () => ({ gone: existsSync(gone), over: isOver() }),
        (now) => now.gone && now.over,
      );
    });
    await closed;
    return events;
  } finally {
    if (left.exitCode === null) await once(left, 'exit');
    await close(server);
    await rm(folder, { recursive: true });
  }
}

describe('A client that ends in order and leaves before it has read the whole answer', () => {
  it("causes 'end' and no error, even if the connection breaks before JavaScript reads it, as in node:tls", async () => {
    const ofNode = await told(createNodeServer({ key, cert }), () => true);
    const signer = new LocalKeySigner({ key });
    const { open } = diagnostics();
    const isBroken = (): boolean => diagnostics().open <= open;
    const ofPackage = await told(createServer({ cert, signer }), isBroken);
    expect(ofPackage).to.deep.equal(['end', 'close in order']);
    expect(ofNode).to.deep.equal(ofPackage);
  });
});
