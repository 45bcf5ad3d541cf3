import { writeFileSync } from 'node:fs';
import { createSelfSignedCertificate, KmsSigner } from 's2n-pkey';

const signer = await KmsSigner.open({ keyId: 'alias/s2n-pkey-demo' });
const certificate = await createSelfSignedCertificate({
  signer,
  subject: { CN: 'client.example' },
  extendedKeyUsage: ['clientAuth'],
});
writeFileSync('client.pem', certificate);
signer.close();
console.log('client.pem');
