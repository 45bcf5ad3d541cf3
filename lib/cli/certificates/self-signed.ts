import { X509Certificate } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createSelfSignedCertificate } from '../../certificate/self-signed-certificate.ts';
import { kmsOptions, readArguments, usageError, type Subcommand } from '../subcommand.ts';
import { altNamesOf, factsOfCertificate, withSigner, writeResult } from './output.ts';

const usage = `Usage: s2n-pkey certificates self-signed --key <key> --name <name> [options]

Makes a certificate that its own key in KMS signs, for tests and for clients that you configure to
trust it. Browsers do not trust it: for them, see s2n-pkey certificates request.

  s2n-pkey certificates self-signed --key alias/site --name localhost --days 30 --out site.pem

  --key <key>        id, ARN or alias of the key in KMS
  --name <name>      host name or IP address; repeat it for several names
  --subject <name>   subject, such as "CN=site.example, O=Example Ltd" (default: CN and the first name)
  --days <days>      how long it is valid (default: 90)
  --out <file>       where to write it (default: print it)
  --region <region>  Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>   URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json             print JSON
  --help             print this text
`;

export const selfSignedCommand: Subcommand = {
  name: 'self-signed',
  summary: 'make a certificate that its own key in KMS signs',
  async run(args) {
    const given = readArguments('certificates self-signed', usage, () =>
      parseArgs({
        args: [...args],
        options: {
          key: { type: 'string' },
          name: { type: 'string', multiple: true, default: [] },
          subject: { type: 'string' },
          days: { type: 'string', default: '90' },
          out: { type: 'string' },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values } = given;
    const { key, name: names, subject = `CN=${names[0]}`, out, json } = values;
    if (key === undefined) throw usageError('certificates self-signed', '--key is required');
    if (names.length === 0) throw usageError('certificates self-signed', '--name is required');
    const validDays = readDays('certificates self-signed', values.days);
    await withSigner(key, values, async (signer) => {
      const altNames = altNamesOf(names);
      const pem = await createSelfSignedCertificate({ signer, subject, altNames, validDays });
      const facts = { key: signer.keyArn, ...factsOfCertificate(new X509Certificate(pem)) };
      writeResult(pem, { out, json, facts, next: 'Clients trust it only if you give it to them.' });
    });
  },
};

/** @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` */
export function readDays(command: string, text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1) return days;
  throw usageError(command, `--days expects a whole number, 1 or more, and was given '${text}'`);
}
