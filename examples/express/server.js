import https from 'node:https';
import express from 'express';
import { attach, createSelfSignedCertificate, KmsSigner } from 's2n-pkey';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });

const app = express();
app.get('/', (req, res) => {
  res.json({ secure: req.secure, protocol: req.protocol });
});

const server = attach(https.createServer(app), { cert, signer });
server.listen(8443, () => console.log('https://localhost:8443'));
