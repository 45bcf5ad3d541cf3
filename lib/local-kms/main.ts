import { runLocalKms } from './run.ts';

// The program that `startLocalKms` spawns. People start it as `npx s2n-pkey local-kms`.
void runLocalKms(process.argv.slice(2));
