// The services on this package, whatever signs.
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { attach, createServer as createTlsServer } from '../../dist/lib/index.js';
import { engine } from '../../dist/lib/native/engine.js';
import { fileFrom, serve, streamBulk } from './services.mjs';

/** @param {import('../../dist/lib/index.js').Signer} signer */
export async function serveWith(signer) {
  const threads = Number(process.env.BENCH_THREADS ?? 1);
  if (!engine().setThreads(threads)) throw new Error(`the engine does not take ${threads} threads`);
  // All of the load comes from one address, as fast as it can.
  const options = { cert: fileFrom('BENCH_CERT'), signer, signatureLimits: false };
  await serve(
    {
      web: attach(createServer(), options),
      h2: attach(createSecureServer(), options),
      stream: createTlsServer(options, streamBulk),
    },
    { 'arena-lock': () => engine().arenaLock() },
  );
}
