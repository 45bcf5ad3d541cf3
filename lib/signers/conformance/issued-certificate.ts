import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { kindOfKey } from '../schemes-of-key.ts';
import type { Signer } from '../signer.ts';
import { x509Library } from '../../certificate/x509-library.ts';
import { ConformanceError } from './conformance-error.ts';

/** A certificate chain for a signer's key, and what a client trusts to accept it; both PEM. */
export interface IssuedCertificate {
  readonly chain: string;
  readonly authority: string;
}

const anHour = 3_600_000;
const issuing = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' } as const;

/**
 * Issued by an authority that is made for it and forgotten. The signer itself signs no certificate: keys of some services cannot sign
 * as certificates are signed.
 */
export async function issueCertificate({ publicKey }: Signer): Promise<IssuedCertificate> {
  if (kindOfKey(publicKey) === undefined)
    throw new ConformanceError('no certificate can be made for this kind of key');
  const x509 = await x509Library();
  const authorityKeys = await importAuthority();
  const notBefore = new Date(Date.now() - anHour);
  const notAfter = new Date(Date.now() + anHour);
  const name = 'CN=s2n-pkey conformance';
  const authority = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...{
        name,
        notBefore,
        notAfter,
        keys: authorityKeys,
        signingAlgorithm: issuing,
        serialNumber: serial(),
      },
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    },
    webcrypto,
  );
  const leaf = await x509.X509CertificateGenerator.create(
    {
      ...{ issuer: name, subject: 'CN=localhost', notBefore, notAfter, serialNumber: serial() },
      ...{ signingKey: authorityKeys.privateKey, signingAlgorithm: issuing },
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
      ],
    },
    webcrypto,
  );
  return { chain: leaf.toString('pem'), authority: authority.toString('pem') };
}

async function importAuthority(): Promise<webcrypto.CryptoKeyPair> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { subtle } = webcrypto;
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, issuing, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, issuing, true, ['verify']),
  };
}

function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
