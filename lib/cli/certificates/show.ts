import { parseArgs } from 'node:util';
import { readChain } from '../../pem/certificates.ts';
import {
  printFacts,
  printJson,
  outputOptions,
  readArguments,
  usageError,
  type Subcommand,
} from '../subcommand.ts';
import { factsOfCertificate, readCertificates } from './output.ts';

const usage = `Usage: s2n-pkey certificates show <file> [options]

Prints what the certificates in a PEM file say: subject, issuer, names, and how many days they are
still valid. s2n-pkey doctor checks them against a key and a policy.

  --json  print JSON
  --help  print this text
`;

export const showCommand: Subcommand = {
  name: 'show',
  summary: 'print what the certificates in a file say',
  run(args) {
    const given = readArguments('certificates show', usage, () =>
      parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...outputOptions,
        },
      }),
    );
    if (!given) return Promise.resolve();
    const { values, positionals } = given;
    const [path, ...rest] = positionals;
    if (path === undefined || rest.length > 0) throw usageError('certificates show', 'expected one file');
    const pem = readCertificates('certificates show', path);
    const { certificates } = readChain(path, 'PEM certificates', pem);
    const all = certificates.map(factsOfCertificate);
    if (values.json) {
      printJson({ certificates: all });
      return Promise.resolve();
    }
    for (const [at, facts] of all.entries()) {
      if (at > 0) process.stdout.write('\n');
      const texts = Object.entries(facts).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : String(value),
      ]);
      printFacts(Object.fromEntries(texts) as Record<string, string>);
    }
    return Promise.resolve();
  },
};
