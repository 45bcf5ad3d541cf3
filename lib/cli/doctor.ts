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
       s2n-pkey doctor --connect <host:port> [--servername <name>] [options]

Checks what could keep clients out before a server starts, and says what to do: the key in KMS, its certificate, the security
policy, the permission to sign. It measures signatures, and prints the least-privilege policies and what handshakes cost. With
--connect it tells what clients of a running server see. Exit code: 0, 1 where there are faults, 2 for a wrong command line.

  --key <key>            a key's id or ARN, or an alias, such as alias/site
  --cert <file>          PEM: the server's own certificate first, then those that issued it
  --next-key <key>       the key and the certificate that are prepared to replace them: whether they are ready
  --next-cert <file>
  --policy <name>        the s2n-tls security policy (default)
  --servername <name>    a name that clients ask for; may be given several times. With --connect: the name to ask for
  --region <region>      where the key is, unless the AWS SDK finds it
  --endpoint <url>       another KMS, such as the local one (AWS_ENDPOINT_URL_KMS)
  --signatures <number>  how many to measure (20; 0: none). Each is charged as one request
  --price <dollars>      US dollars for 10,000 requests, in place of what is assumed for the United States
  --role <arn>           the role that the server runs as, for the key policy
  --connect <host:port>
  --ca <file>            PEM of an authority to trust, for --connect
  --json                 print all of it as JSON
  --help
`;

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check key, certificate, policy and permissions; or what clients of a running server see',
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
          ? '\nBoth are ready: the switch can be made (rollover).\n'
          : '\nNot ready: mend the faults before the switch.\n',
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
