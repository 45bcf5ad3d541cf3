import http2 from 'node:http2';
import Fastify from 'fastify';
import { attach, createSelfSignedCertificate, KmsSigner } from 's2n-pkey';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });

const app = Fastify({
  http2: true,
  // Fastify makes one server for each address of localhost.
  serverFactory: (handler) =>
    attach(http2.createSecureServer({ allowHTTP1: true }, handler), { cert, signer }),
});
app.get('/', (request) => ({ protocol: request.protocol, http: request.raw.httpVersion }));
await app.listen({ port: 8443 });
console.log('https://localhost:8443');
