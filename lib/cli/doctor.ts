import { parseArgs } from 'node:util';
import { S2nPkeyError } from '../errors.ts';
import type { Command } from './command.ts';
import { readDoctorOptions, type DoctorOptions } from './doctor/options.ts';
import { addressText, pairText } from './doctor/report.ts';
import {
  diagnoseAddress,
  diagnosePairs,
  type AddressDiagnosis,
  type PairDiagnosis,
} from './doctor/diagnosis.ts';

const usage = `Usage: s2n-pkey doctor --key <key> --cert <file> [options]
       s2n-pkey doctor --key <key> --cert <file> --next-key <key> --next-cert <file> [options]
       s2n-pkey doctor --connect <host:port> [options]

Checks the key in AWS KMS, its certificate, the security policy and the permission to sign before a
server starts, and says what to do about each fault. Also measures signatures, and prints the
least-privilege policies and the cost of handshakes. With --connect, checks a running server, and
prints what its clients get.

  --key <key>            id, ARN or alias of the key, such as alias/site
  --cert <file>          PEM file of the certificate chain, your own certificate first
  --next-key <key>       the key that will replace it: checks whether the pair is ready
  --next-cert <file>     the certificate of that key
  --servername <name>    a name that clients ask for; repeat it for several names
                         with --connect: the name to ask for (default: the host)
  --policy <name>        s2n-tls security policy of the server (default: default)
  --region <region>      Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>       URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --signatures <number>  how many signatures to measure; KMS charges for each (default: 20)
  --price <dollars>      US dollars for 10,000 requests (default: the price in Regions of the United States)
  --role <arn>           role of the server, for the key policy
  --connect <host:port>  check a running server (default port: 443)
  --ca <file>            PEM file of an authority to trust, with --connect
  --json                 print everything as JSON
  --help                 print this text

Exit codes: 0 no fault, 1 at least one fault, 2 wrong arguments.
`;

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check key, certificate, policy and permissions, or a running server',
  run: runDoctor,
};

/** What JSON has of an answer. */
interface Answer {
  readonly ok: boolean;
  readonly diagnosis: readonly PairDiagnosis[] | AddressDiagnosis;
}

async function runDoctor(args: readonly string[]): Promise<void> {
  try {
    const options = readOptions(args);
    if (options === undefined) {
      process.stdout.write(usage);
      return;
    }
    const { ok, diagnosis } = await diagnose(options);
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ok, ...('handshakes' in diagnosis ? { server: diagnosis } : { pairs: diagnosis }) }, undefined, 2)}\n`
        : 'handshakes' in diagnosis
          ? addressText(diagnosis)
          : diagnosis.map(pairText).join('\n'),
    );
    if (!options.json && !('handshakes' in diagnosis) && diagnosis.length > 1) {
      process.stdout.write(
        ok
          ? '\nBoth pairs are ready: you can switch (rollover).\n'
          : '\nNot ready: fix the faults before you switch.\n',
      );
    }
    if (!ok) process.exitCode = 1;
  } catch (error) {
    const known = error instanceof S2nPkeyError || (error instanceof Error && 'code' in error);
    process.stderr.write(
      `s2n-pkey doctor: ${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    const isUsage = error instanceof S2nPkeyError && error.code === 'ERR_S2N_PKEY_USAGE';
    process.exitCode = isUsage ? 2 : 1;
  }
}

async function diagnose(options: DoctorOptions): Promise<Answer> {
  if (options.address !== undefined) {
    const diagnosis = await diagnoseAddress(options.address);
    return { ok: diagnosis.faults.length === 0, diagnosis };
  }
  const diagnosis = await diagnosePairs(options);
  return { ok: diagnosis.every(({ faults }) => faults.length === 0), diagnosis };
}

/** Undefined for --help. */
function readOptions(args: readonly string[]): DoctorOptions | undefined {
  let values;
  try {
    values = parseArgs({
      args: [...args],
      options: {
        key: { type: 'string' },
        cert: { type: 'string' },
        'next-key': { type: 'string' },
        'next-cert': { type: 'string' },
        policy: { type: 'string' },
        servername: { type: 'string', multiple: true },
        region: { type: 'string' },
        endpoint: { type: 'string' },
        signatures: { type: 'string' },
        price: { type: 'string' },
        role: { type: 'string' },
        connect: { type: 'string' },
        ca: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'an argument that is not known';
    throw new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${message}; see s2n-pkey doctor --help`, { cause });
  }
  return values.help ? undefined : readDoctorOptions(values);
}
