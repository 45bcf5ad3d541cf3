// The baseline: node:tls as everybody runs it, the key read from disk.
import { createServer } from 'node:https';
import { fileFrom, respond, serve } from './serve.mjs';

serve(createServer({ cert: fileFrom('BENCH_CERT'), key: fileFrom('BENCH_KEY') }, respond));
