import { writeFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { createSelfSignedCertificate, KmsSigner } from 's2n-pkey';
import { createGrpcServer } from 's2n-pkey/grpc';
import { greeter } from './greeter.js';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
writeFileSync('server.pem', cert); // for the client to trust

const service = new grpc.Server();
service.addService(greeter, {
  sayHello: (call, done) => done(null, `Hello, ${call.request}`),
});
const injector = service.createConnectionInjector(grpc.ServerCredentials.createInsecure());
createGrpcServer(injector, { cert, signer }).listen(8443, () => console.log('https://localhost:8443'));
