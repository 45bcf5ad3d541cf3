// This package with the key in the process: what moving TLS off the event loop is worth by itself.
import { LocalKeySigner } from '../../dist/lib/index.js';
import { serveWith } from './package-servers.mjs';
import { fileFrom } from './services.mjs';

await serveWith(new LocalKeySigner({ key: fileFrom('BENCH_KEY') }));
