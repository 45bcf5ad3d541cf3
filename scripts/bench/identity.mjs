// Keys and certificates for one run. Every contender's certificate has the same shape: a leaf of a throw-away authority, so
// that one for a KMS key can be made from its public half, and no contender sends more than another.
import 'reflect-metadata'; // @peculiar/x509 needs it to be there first
import { createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetime = 7 * 24 * 3600 * 1000;
let authority;

/**
 * A P-256 key on disk, and its certificate.
 *
 * @returns {Promise<NodeJS.ProcessEnv>} where they are, for the server
 */
async function diskIdentity({ folder, name }) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = join(folder, `${name}-key.pem`);
  await writeFile(key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return { BENCH_KEY: key, BENCH_CERT: await writeCertificate(folder, name, publicKey) };
}

/** A key in the local KMS, and its certificate. */
async function kmsIdentity({ folder, name, kms }) {
  const { keyId, publicKey, endpoint, region, credentials } = await (await kms()).createKey();
  const spki = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  return {
    BENCH_KMS_KEY: keyId,
    BENCH_KMS_ENDPOINT: endpoint,
    BENCH_KMS_REGION: region,
    BENCH_CERT: await writeCertificate(folder, name, spki),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: undefined,
  };
}

/** By where a contender's key is. */
export const identities = { disk: diskIdentity, kms: kmsIdentity, none: async () => ({}) };

async function writeCertificate(folder, name, publicKey) {
  authority ??= await webcrypto.subtle.generateKey(ecdsa, false, ['sign', 'verify']);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: 'CN=localhost',
      issuer: 'CN=s2n-pkey benchmark',
      notBefore: new Date(Date.now() - 3600 * 1000),
      notAfter: new Date(Date.now() + lifetime),
      signingAlgorithm: ecdsa,
      publicKey: await webcrypto.subtle.importKey('spki', spki, ecdsa, true, ['verify']),
      signingKey: authority.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    },
    webcrypto,
  );
  const file = join(folder, `${name}-cert.pem`);
  await writeFile(file, `${certificate.toString('pem')}\n`);
  return file;
}
