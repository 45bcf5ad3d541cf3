// This package as it is meant to be used: every signature by KMS, here the local one. Credentials come from the environment.
import { createServer } from 'node:https';
import { attach } from '../../dist/lib/index.js';
import { KmsSigner } from '../../dist/lib/kms/kms-signer.js';
import { fileFrom, respond, serve } from './serve.mjs';

const { BENCH_KMS_KEY: keyId, BENCH_KMS_ENDPOINT: endpoint, BENCH_KMS_REGION: region } = process.env;
const signer = await KmsSigner.open({ keyId, endpoint, region });
serve(attach(createServer(respond), { cert: fileFrom('BENCH_CERT'), signer }));
