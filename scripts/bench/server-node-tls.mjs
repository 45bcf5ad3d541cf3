// The baseline: node:tls as everybody runs it, the key read from disk.
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { createServer as createTlsServer } from 'node:tls';
import { fileFrom, serve, streamBulk } from './services.mjs';

const identity = { cert: fileFrom('BENCH_CERT'), key: fileFrom('BENCH_KEY') };
await serve({
  web: createServer(identity),
  h2: createSecureServer(identity),
  stream: createTlsServer(identity, streamBulk),
});
