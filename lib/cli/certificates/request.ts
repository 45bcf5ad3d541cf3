import { parseArgs } from 'node:util';
import { createCertificateRequest } from '../../certificate/certificate-request.ts';
import { kmsOptions, readArguments, usageError, type Subcommand } from '../subcommand.ts';
import { altNamesOf, withSigner, writeResult } from './output.ts';

const usage = `Usage: s2n-pkey certificates request --key <key> --name <name> [options]

Makes a certificate signing request (CSR) for a key in KMS, which you send to a certificate
authority. Serve the certificate that it issues with KmsSigner and the same key.

  s2n-pkey certificates request --key alias/site --name site.example --name www.site.example --out site.csr

  --key <key>         id, ARN or alias of the key in KMS
  --name <name>       host name or IP address; repeat it for several names
  --subject <name>    subject, such as "CN=site.example, O=Example Ltd" (default: CN and the first name)
  --out <file>        where to write it (default: print it)
  --region <region>   Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>    URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json              print JSON
  --help              print this text
`;

export const requestCommand: Subcommand = {
  name: 'request',
  summary: 'make a signing request (CSR) for a key in KMS',
  async run(args) {
    const given = readArguments('certificates request', usage, () =>
      parseArgs({
        args: [...args],
        options: {
          key: { type: 'string' },
          name: { type: 'string', multiple: true, default: [] },
          subject: { type: 'string' },
          out: { type: 'string' },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values } = given;
    const { key, name: names, subject = `CN=${names[0]}`, out, json } = values;
    if (key === undefined) throw usageError('certificates request', '--key is required');
    if (names.length === 0) throw usageError('certificates request', '--name is required');
    await withSigner(key, values, async (signer) => {
      const pem = await createCertificateRequest({ signer, subject, altNames: altNamesOf(names) });
      const facts = { key: signer.keyArn, subject, names };
      writeResult(pem, { out, json, facts, next: 'Next: send it to your certificate authority.' });
    });
  },
};
