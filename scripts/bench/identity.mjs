// Keys and certificates for one run. Every contender's certificate has the same shape: a leaf of a throw-away authority, so
// that one for a KMS key can be made from its public half, and no contender sends more than another.
import 'reflect-metadata'; // @peculiar/x509 needs it to be there first
import { createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetime = 7 * 24 * 3600 * 1000;
/** By a key's name here: what node:crypto makes it with, WebCrypto imports its public half as, and KMS calls it. */
const keys = {
  p256: { generate: ['ec', { namedCurve: 'P-256' }], algorithm: ecdsa, kms: 'ECC_NIST_P256' },
  p384: {
    generate: ['ec', { namedCurve: 'P-384' }],
    algorithm: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    kms: 'ECC_NIST_P384',
  },
  rsa2048: {
    generate: ['rsa', { modulusLength: 2048 }],
    algorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    kms: 'RSA_2048',
  },
};
let authority;

/**
 * A key on disk, and its certificate.
 *
 * @param {{ folder: string, name: string, key: keyof typeof keys }} place `name`: of the files
 * @returns {Promise<NodeJS.ProcessEnv>} where they are, for the server
 */
async function diskIdentity({ folder, name, key }) {
  const { privateKey, publicKey } = generateKeyPairSync(...keys[key].generate);
  const file = join(folder, `${name}-key.pem`);
  await writeFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return {
    BENCH_KEY: file,
    BENCH_CERT: await writeCertificate(folder, name, publicKey, keys[key].algorithm),
  };
}

/** A key in the local KMS, and its certificate. */
async function kmsIdentity({ folder, name, key, kms }) {
  const { keyId, publicKey, endpoint, region, credentials } = await (await kms()).createKey(keys[key].kms);
  const spki = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  return {
    BENCH_KMS_KEY: keyId,
    BENCH_KMS_ENDPOINT: endpoint,
    BENCH_KMS_REGION: region,
    BENCH_CERT: await writeCertificate(folder, name, spki, keys[key].algorithm),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: undefined,
  };
}

/** By where a contender's key is. */
export const identities = { disk: diskIdentity, kms: kmsIdentity, none: async () => ({}) };

async function writeCertificate(folder, name, publicKey, algorithm) {
  authority ??= await webcrypto.subtle.generateKey(ecdsa, false, ['sign', 'verify']);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: 'CN=localhost',
      issuer: 'CN=s2n-pkey benchmark',
      notBefore: new Date(Date.now() - 3600 * 1000),
      notAfter: new Date(Date.now() + lifetime),
      signingAlgorithm: ecdsa,
      publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
      signingKey: authority.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    },
    webcrypto,
  );
  const file = join(folder, `${name}-cert.pem`);
  await writeFile(file, `${certificate.toString('pem')}\n`);
  return file;
}
