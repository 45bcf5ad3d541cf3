// This package as it is meant to be used: every signature by KMS, here the local one. Credentials come from the environment.
import { KmsSigner } from '../../dist/lib/signers/kms/kms-signer.js';
import { serveWith } from './package-servers.mjs';

const { BENCH_KMS_KEY: keyId, BENCH_KMS_ENDPOINT: endpoint, BENCH_KMS_REGION: region } = process.env;
await serveWith(await KmsSigner.open({ keyId, endpoint, region }));
