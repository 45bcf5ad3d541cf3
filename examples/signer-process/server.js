import https from 'node:https';
import { attach, createSelfSignedCertificate } from 's2n-pkey';
import { SocketSigner } from 's2n-pkey/socket-signer';

// No credentials, and no way to KMS other than this socket.
const signer = await SocketSigner.open({ path: 'signer.sock' });
const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });

const server = https.createServer((req, res) => res.end('Signed by another process\n'));
attach(server, { cert, signer });
server.listen(8443, () => console.log('https://localhost:8443'));
