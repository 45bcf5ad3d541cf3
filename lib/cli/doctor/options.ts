import { readFileSync } from 'node:fs';
import { S2nPkeyError } from '../../errors.ts';
import { pemText } from '../../pem/pem-text.ts';
import type { AddressOptions } from '../../doctor/served-address.ts';

/** A key in KMS and its certificate. */
export interface Pair {
  /** For the reader: `key and certificate`, `next key and certificate`. */
  readonly title: string;
  readonly keyId: string;
  /** PEM. */
  readonly cert: string;
}

export interface DoctorOptions {
  readonly pairs: readonly Pair[];
  readonly securityPolicy: string | undefined;
  readonly servernames: readonly string[];
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly signatures: number;
  readonly price: number | undefined;
  readonly role: string | undefined;
  /** In place of everything else. */
  readonly address: AddressOptions | undefined;
  readonly json: boolean;
}

interface CommandLineValues {
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  readonly 'next-key'?: string | undefined;
  readonly 'next-cert'?: string | undefined;
  readonly policy?: string | undefined;
  readonly servername?: string[] | undefined;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly signatures?: string | undefined;
  readonly price?: string | undefined;
  readonly role?: string | undefined;
  readonly connect?: string | undefined;
  readonly ca?: string | undefined;
  readonly json: boolean;
}

/** @throws S2nPkeyError `ERR_S2N_PKEY_USAGE`, naming the option. */
export function readDoctorOptions(values: CommandLineValues): DoctorOptions {
  const { connect, key, cert, 'next-key': nextKey, 'next-cert': nextCert } = values;
  const pairs: Pair[] = [];
  if (connect === undefined) {
    if (key === undefined || cert === undefined) {
      throw usage('--key and --cert are wanted, or --connect: a key without its certificate tells little');
    }
    if ((nextKey === undefined) !== (nextCert === undefined)) {
      throw usage('--next-key and --next-cert belong together');
    }
    pairs.push({ title: 'Key and certificate', keyId: key, cert: readFile('--cert', cert) });
    if (nextKey !== undefined && nextCert !== undefined) {
      pairs.push({
        title: 'Next key and certificate',
        keyId: nextKey,
        cert: readFile('--next-cert', nextCert),
      });
    }
  } else if (key !== undefined || cert !== undefined || nextKey !== undefined || nextCert !== undefined) {
    throw usage('--connect looks at a running server, and takes no key and no certificate');
  }
  return {
    pairs,
    securityPolicy: values.policy,
    servernames: values.servername ?? [],
    region: values.region,
    endpoint: values.endpoint,
    signatures: readNumber('--signatures', values.signatures, /^\d{1,5}$/) ?? 20,
    price: readNumber('--price', values.price, /^\d+(\.\d+)?$/),
    role: values.role,
    address: connect === undefined ? undefined : readAddress(connect, values),
    json: values.json,
  };
}

function readAddress(connect: string, { servername, ca }: CommandLineValues): AddressOptions {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(connect);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 443);
  if (host === undefined || port < 1 || port > 65_535) {
    throw usage(`--connect expects host:port, such as www.example.com:443, and was given '${connect}'`);
  }
  if (servername !== undefined && servername.length > 1) throw usage('--connect asks for one --servername');
  return { host, port, servername: servername?.[0], ca: ca === undefined ? undefined : readFile('--ca', ca) };
}

function readNumber(option: string, text: string | undefined, pattern: RegExp): number | undefined {
  if (text === undefined) return undefined;
  if (!pattern.test(text)) throw usage(`${option} expects a number, 0 or more, and was given '${text}'`);
  return Number(text);
}

function readFile(option: string, path: string): string {
  try {
    return pemText(readFileSync(path)) ?? '';
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown reason';
    throw new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${option} ${path} cannot be read: ${why}`, { cause });
  }
}

function usage(problem: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${problem}; see s2n-pkey doctor --help`);
}
