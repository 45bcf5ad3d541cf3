import https from 'node:https';
import { attach, createSelfSignedCertificate, KmsSigner } from 's2n-pkey';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });

const server = https.createServer((req, res) => {
  res.end(`Hello over ${req.socket.getProtocol()}\n`);
});
attach(server, { cert, signer });
server.listen(8443, () => console.log('https://localhost:8443'));
