// Any server that asks for client certificates. This one makes a key for itself when it starts.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { createSelfSignedCertificate, LocalKeySigner } from 's2n-pkey';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
const cert = await createSelfSignedCertificate({
  signer: new LocalKeySigner({ key }),
  subject: { CN: 'localhost' },
});
writeFileSync('server.pem', cert); // for the client to trust

const ca = readFileSync('client.pem');
const server = https.createServer({ key, cert, ca, requestCert: true }, (req, res) => {
  res.end(`Hello, ${req.socket.getPeerCertificate().subject.CN}\n`);
});
server.listen(8443, () => console.log('https://localhost:8443'));
