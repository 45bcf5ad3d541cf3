import { X509Certificate } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createCertificateRequest } from '../../certificate/certificate-request.ts';
import { createSelfSignedCertificate } from '../../certificate/self-signed-certificate.ts';
import { S2nPkeyError } from '../../errors.ts';
import { checkCertificateMatchesSigner } from '../../signers/certificate-match.ts';
import { kmsOptions, readArguments, usageError, type Subcommand } from '../subcommand.ts';
import {
  altNamesOf,
  factsOfCertificate,
  namesIn,
  readCertificates,
  withSigner,
  writeResult,
} from './output.ts';
import { readDays } from './self-signed.ts';

const usage = `Usage: s2n-pkey certificates renew --key <key> --cert <file> [options]

Renews a certificate with the same key in KMS, the same subject and the same names. A self-signed
certificate gets a new one, valid from now. For a certificate of an authority, makes the signing
request that you send to it. It changes no certificate in place unless --out names it.

  s2n-pkey certificates renew --key alias/site --cert site.pem --out site.csr

  --key <key>        id, ARN or alias of the key in KMS
  --cert <file>      PEM file of the certificate to renew, your own first
  --days <days>      how long a self-signed one is valid (default: as long as the old one)
  --out <file>       where to write it (default: print it)
  --region <region>  Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>   URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json             print JSON
  --help             print this text
`;

const day = 24 * 60 * 60 * 1000;

export const renewCommand: Subcommand = {
  name: 'renew',
  summary: 'renew a self-signed certificate, or make the request that renews another one',
  async run(args) {
    const given = readArguments('certificates renew', usage, () =>
      parseArgs({
        args: [...args],
        options: {
          key: { type: 'string' },
          cert: { type: 'string' },
          days: { type: 'string' },
          out: { type: 'string' },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values } = given;
    const { key, cert: path, days, out, json } = values;
    if (key === undefined || path === undefined) {
      throw usageError('certificates renew', '--key and --cert are required');
    }
    const chain = readCertificates('certificates renew', path);
    const givenDays = days === undefined ? undefined : readDays('certificates renew', days);
    await withSigner(key, values, async (signer) => {
      checkCertificateMatchesSigner(chain, signer);
      const old = new X509Certificate(chain);
      if (old.ca) {
        throw new S2nPkeyError(
          'ERR_S2N_PKEY_USAGE',
          `${path} is the certificate of an authority, which this command does not renew`,
        );
      }
      const certified = {
        ...{ signer, altNames: altNamesOf(namesIn(old)), extendedKeyUsage: extendedUsagesOf(old) },
        subject: subjectOf(old),
      };
      if (!old.verify(old.publicKey)) {
        const facts = { key: signer.keyArn, kind: 'request', names: namesIn(old) };
        const next = `Next: send it to ${old.issuer.replaceAll('\n', ', ')}, which issued ${path}.`;
        writeResult(await createCertificateRequest(certified), { out, json, facts, next });
        return;
      }
      const validDays = givenDays ?? (Date.parse(old.validTo) - Date.parse(old.validFrom)) / day;
      const pem = await createSelfSignedCertificate({ ...certified, validDays });
      const facts = {
        key: signer.keyArn,
        kind: 'certificate',
        ...factsOfCertificate(new X509Certificate(pem)),
      };
      writeResult(pem, { out, json, facts, next: 'A server with watchCertificate loads it by itself.' });
    });
  },
};

/** Node calls the extended key usages of a certificate its key usage. */
function extendedUsagesOf(certificate: X509Certificate): string[] {
  return certificate.keyUsage ?? [];
}

/** Attributes and their values. */
function subjectOf(certificate: X509Certificate): Record<string, string | string[]> {
  const subject = certificate.toLegacyObject().subject as unknown as
    Record<string, string | string[]> | undefined;
  return { ...subject };
}
