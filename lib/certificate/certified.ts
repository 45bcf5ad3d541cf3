import { InvalidOptionError } from '../errors.ts';
import { checkAlternativeNames, type AlternativeName, type AlternativeNames } from './alternative-names.ts';
import { checkDistinguishedName, type DistinguishedName, type NameAttribute } from './distinguished-name.ts';

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

const optionNames = [
  'signer',
  'signal',
  'subject',
  'altNames',
  'keyUsage',
  'extendedKeyUsage',
  'basicConstraints',
];

/**
 * @param others Names of further options. What is neither among them nor known here is refused: in a certificate, a misspelt
 *   option is found out by whoever relied on it.
 * @throws InvalidOptionError
 */
export function checkCertified(options: CertifiedOptions, others: readonly string[] = []): Certified {
  const names = [...optionNames, ...others];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new InvalidOptionError('options', `some of ${names.join(', ')}`, unknown);
  const subject = options.subject === undefined ? [] : checkDistinguishedName(options.subject);
  const altNames = checkAlternativeNames(options.altNames, subject.find(({ type }) => type === 'CN')?.value);
  const { ca, pathLength } = checkBasicConstraints(options.basicConstraints);
  const keyUsage = checkKeyUsage(options.keyUsage, ca);
  const extendedKeyUsage = checkExtendedKeyUsage(options.extendedKeyUsage, ca);
  if (altNames.length === 0 && extendedKeyUsage.includes(extendedKeyUsageOids['serverAuth'] ?? '')) {
    throw new InvalidOptionError(
      'altNames',
      'a DNS name or IP address at least, since clients compare nothing else with the host they asked for (or an ' +
        "`extendedKeyUsage` without 'serverAuth')",
      options.altNames,
    );
  }
  return { subject, altNames, keyUsage, extendedKeyUsage, ca, pathLength };
}

function checkBasicConstraints(given: unknown): { ca: boolean; pathLength: number | undefined } {
  if (given === undefined) return { ca: false, pathLength: undefined };
  const ca: unknown = typeof given === 'object' && given !== null && 'ca' in given ? given.ca : undefined;
  if (typeof ca !== 'boolean' || typeof given !== 'object' || given === null) {
    throw new InvalidOptionError('basicConstraints', '{ ca: true or false, pathLength? }', given);
  }
  const pathLength: unknown = 'pathLength' in given ? given.pathLength : undefined;
  if (pathLength === undefined) return { ca, pathLength };
  if (
    !ca ||
    typeof pathLength !== 'number' ||
    !Number.isInteger(pathLength) ||
    pathLength < 0 ||
    pathLength > 255
  ) {
    throw new InvalidOptionError(
      'basicConstraints.pathLength',
      'a whole number from 0 to 255, with ca: true',
      pathLength,
    );
  }
  return { ca, pathLength };
}

function checkKeyUsage(given: unknown, ca: boolean): readonly KeyUsage[] {
  if (given === undefined) return ca ? ['digitalSignature', 'keyCertSign', 'cRLSign'] : ['digitalSignature'];
  if (!Array.isArray(given)) {
    throw new InvalidOptionError('keyUsage', `an array of ${keyUsageNames.join(', ')}`, given);
  }
  return given.map((usage: unknown) => {
    const known = keyUsageNames.find((name) => name === usage);
    if (known === undefined)
      throw new InvalidOptionError('keyUsage', `some of ${keyUsageNames.join(', ')}`, usage);
    if (known === 'keyCertSign' && !ca) {
      throw new InvalidOptionError('keyUsage', 'keyCertSign only with basicConstraints: { ca: true }', usage);
    }
    return known;
  });
}

function checkExtendedKeyUsage(given: unknown, ca: boolean): readonly string[] {
  const names = Object.keys(extendedKeyUsageOids).join(', ');
  const usages: unknown = given ?? (ca ? [] : ['serverAuth']);
  if (!Array.isArray(usages))
    throw new InvalidOptionError('extendedKeyUsage', `an array of ${names} or OIDs`, given);
  const oids = usages.map((usage: unknown) => {
    if (typeof usage === 'string') {
      if (Object.hasOwn(extendedKeyUsageOids, usage)) return extendedKeyUsageOids[usage] ?? usage;
      if (objectIdentifier.test(usage)) return usage;
    }
    throw new InvalidOptionError('extendedKeyUsage', `some of ${names}, or object identifiers`, usage);
  });
  return [...new Set(oids)];
}
