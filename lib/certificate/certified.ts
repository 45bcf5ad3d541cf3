import { Given } from '../errors.ts';
import { choice, flag, group, list, required, wholeNumber } from '../options/kinds.ts';
import { refusal, type Option, type OptionValues, type Schema } from '../options/option.ts';
import {
  altNamesOption,
  completeAlternativeNames,
  type AlternativeName,
  type AlternativeNames,
} from './alternative-names.ts';
import { subjectOption, type DistinguishedName, type NameAttribute } from './distinguished-name.ts';

/** RFC 5280 §4.2.1.3. */
const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsageNames)[number];

/** RFC 5280 §4.2.1.12. */
const extendedKeyUsageOids: Readonly<Record<string, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
};

/** X.660: 0 to 2, of which 0 and 1 have 40 arcs, and any arcs below. */
const objectIdentifier = /^([01]\.[1-3]?\d|2\.(0|[1-9]\d*))(\.(0|[1-9]\d*))+$/;

/** What a certificate, or a request for one, says of its subject. */
export interface CertifiedOptions {
  /** Attributes or text: see `DistinguishedName`. */
  readonly subject?: DistinguishedName;
  /** Unless given, the subject's CN, if it is a host name or an address. */
  readonly altNames?: AlternativeNames;
  /** `digitalSignature` unless given, and for a certificate authority `keyCertSign` and `cRLSign` beside it. Empty: left out. */
  readonly keyUsage?: readonly KeyUsage[];
  /**
   * `serverAuth` unless given; none for a certificate authority. Also `clientAuth`, `codeSigning`, `emailProtection`,
   * `timeStamping`, `OCSPSigning`, or an object identifier, such as `1.3.6.1.5.5.7.3.17`. Empty: left out.
   */
  readonly extendedKeyUsage?: readonly string[];
  /** `{ ca: false }` unless given. `pathLength`: how many further authorities may stand below (RFC 5280 §4.2.1.9). */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
}

/** The same, checked. */
export interface Certified {
  readonly subject: readonly NameAttribute[];
  readonly altNames: readonly AlternativeName[];
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly string[];
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

const usageNames = Object.keys(extendedKeyUsageOids).join(', ');

/** Read as an object identifier. */
const extendedKeyUsage: Option<string> = {
  ...{ type: 'string', expected: `one of ${usageNames}, or an object identifier`, isSecret: false },
  fits: (value) =>
    typeof value === 'string' && (Object.hasOwn(extendedKeyUsageOids, value) || objectIdentifier.test(value)),
  read: (_name, value) => extendedKeyUsageOids[String(value)] ?? String(value),
};

export const basicConstraintsSchema = {
  ca: required(flag(false)),
  pathLength: {
    ...wholeNumber({ least: 0, most: 255 }),
    expected: 'a whole number from 0 to 255, with ca: true',
  },
} satisfies Schema;

export const certifiedSchema = {
  subject: subjectOption,
  altNames: altNamesOption,
  keyUsage: list(
    { ...choice(keyUsageNames), expected: `one of ${keyUsageNames.join(', ')}` },
    `an array of ${keyUsageNames.join(', ')}`,
  ),
  extendedKeyUsage: list(extendedKeyUsage, `an array of ${usageNames} or OIDs`),
  basicConstraints: group(basicConstraintsSchema, '{ ca: true or false, pathLength? }'),
} satisfies Schema;

/**
 * Completes what was read.
 *
 * @throws InvalidOptionError for options that contradict each other.
 */
export function completeCertified(options: OptionValues<typeof certifiedSchema>): Certified {
  const { subject = [], basicConstraints: { ca, pathLength } = { ca: false, pathLength: undefined } } =
    options;
  const commonName = subject.find(({ type }) => type === 'CN')?.value;
  const altNames = completeAlternativeNames(options.altNames, commonName);
  if (pathLength !== undefined && !ca) {
    throw refusal('basicConstraints.pathLength', basicConstraintsSchema.pathLength, pathLength);
  }
  const keyUsage =
    (options.keyUsage as readonly KeyUsage[] | undefined) ??
    (ca ? (['digitalSignature', 'keyCertSign', 'cRLSign'] as const) : (['digitalSignature'] as const));
  if (keyUsage.includes('keyCertSign') && !ca) {
    const expected = 'keyCertSign only with basicConstraints: { ca: true }';
    throw refusal('keyUsage', certifiedSchema.keyUsage, 'keyCertSign', expected);
  }
  const serverAuth = extendedKeyUsageOids['serverAuth'] ?? '';
  const extendedKeyUsage = [...new Set(options.extendedKeyUsage ?? (ca ? [] : [serverAuth]))];
  if (altNames.length === 0 && extendedKeyUsage.includes(serverAuth)) {
    throw refusal(
      'altNames',
      certifiedSchema.altNames,
      options.altNames && new Given('an object without names'),
      'a DNS name or IP address at least, since clients compare nothing else with the host they asked for (or an ' +
        "`extendedKeyUsage` without 'serverAuth')",
    );
  }
  return { subject, altNames, keyUsage, extendedKeyUsage, ca, pathLength };
}
