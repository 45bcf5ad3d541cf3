// This package with the key in the process: what moving TLS off the event loop is worth by itself.
import { createServer } from 'node:https';
import { attach, LocalKeySigner } from '../../dist/lib/index.js';
import { fileFrom, respond, serve } from './serve.mjs';

const signer = new LocalKeySigner({ key: fileFrom('BENCH_KEY') });
serve(attach(createServer(respond), { cert: fileFrom('BENCH_CERT'), signer }));
