import { readFileSync } from 'node:fs';
import https from 'node:https';
import { Agent, KmsSigner } from 's2n-pkey';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const agent = new Agent({ cert: readFileSync('client.pem'), signer, ca: readFileSync('server.pem') });
https.get('https://localhost:8443', { agent }, (res) => {
  res.pipe(process.stdout);
  res.on('end', () => signer.close());
});
