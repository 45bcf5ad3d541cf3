import { milliseconds, requiredText, text } from '../../options/kinds.ts';
import {
  checkOptionsObject,
  readOption,
  readOptionsObject,
  refusal,
  without,
  type OptionValues,
  type Schema,
  type SchemaOf,
} from '../../options/option.ts';
import { signerOption } from '../../signers/signer-option.ts';
import type { Signer } from '../../signers/signer.ts';
import { secureContextSchema, type SecureContextOptions } from '../context/secure-context.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';

/** Further options of the context: `securityPolicy`, `ca` …, as for `server.setSecureContext`. */
export interface WatchCertificateOptions extends Omit<
  SecureContextOptions,
  'cert' | 'signer' | 'identities' | 'ocspResponse'
> {
  /** Path of the certificate chain (PEM): a file, or a symbolic link, as in a Kubernetes secret. */
  cert: string;
  /** Holds the certificate's key. If the key may change too, a function that returns the signer for a certificate. */
  signer: Signer | ((cert: string) => Signer | Promise<Signer>);
  /** The name (SNI) that the certificate is for, as in `addContext`. Default: clients that request none of the added names. */
  servername?: string;
  /** Milliseconds for which the file must not change before it is read. Default: 200. */
  settle?: number;
  /** Milliseconds between checks of the file, since network file systems report no changes. Default: 30,000. */
  interval?: number;
}

/** When a watch checks its file. */
const timesSchema = {
  settle: milliseconds({ least: 1, fallback: 200 }),
  interval: milliseconds({ least: 1, fallback: 30_000 }),
} satisfies Schema;

export type WatchTimes = OptionValues<typeof timesSchema>;

export const watchSchema = {
  ...without(secureContextSchema, 'identities', 'ocspResponse'),
  ...timesSchema,
  cert: requiredText({ expected: 'the path of a PEM file', pattern: /./s }),
  signer: {
    ...signerOption,
    type: 'Signer | Function',
    expected: `${signerOption.expected}, or a function that returns one`,
    fits: (value) => typeof value === 'function' || signerOption.fits(value),
    read: (name, value) => (typeof value === 'function' ? value : readOption(name, signerOption, value)),
  },
  servername: text({ expected: 'a host name', isSecret: false }),
} satisfies SchemaOf<WatchCertificateOptions>;

/** What belongs to the watch, and not to the context. */
export const watchOnlyOptions = [
  'servername',
  'settle',
  'interval',
] as const satisfies readonly (keyof WatchCertificateOptions)[];

/** Options that `watchCertificate` refuses, because the server's other certificates stay as they are. */
const identityOptions = ['identities', 'ocspResponse'] as const;

/** @throws InvalidOptionError */
export function readWatchOptions(options: WatchCertificateOptions): WatchTimes {
  checkOptionsObject(options, '{ cert, signer, … }');
  refuseUnsupported(options);
  for (const name of identityOptions) {
    const given: unknown = (options as Partial<SecureContextOptions>)[name];
    if (given === undefined) continue;
    const expected = "nothing: the server's other certificates stay as they are";
    throw refusal(name, secureContextSchema[name], given, expected);
  }
  const read = readOptionsObject(watchSchema, options, '{ cert, signer, … }');
  if (options.cert.includes('-----BEGIN')) {
    throw refusal('cert', watchSchema.cert, options.cert, 'the path of a PEM file, and not its content');
  }
  return read;
}
