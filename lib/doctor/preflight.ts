import type { X509Certificate } from 'node:crypto';
import type { ServerOpts } from 'node:net';
import type { KMSClient } from '@aws-sdk/client-kms';
import { SignerError } from '../errors.ts';
import { fraction, list, requiredText } from '../options/kinds.ts';
import {
  checkOptionsObject,
  readOptions,
  refusal,
  type Option,
  type Schema,
  type SchemaOf,
} from '../options/option.ts';
import { readChain } from '../pem/certificates.ts';
import { pemText } from '../pem/pem-text.ts';
import { keyIdOption } from '../signers/kms/client/key-id.ts';
import {
  createHandshakeClient,
  kmsClientOption,
  kmsClientSchema,
  type KmsClientOptions,
} from '../signers/kms/client/kms-client.ts';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import type { OpenedKey } from '../signers/kms/keys/opened-key.ts';
import { checkCertificateMatchesSigner, publicKeyFingerprint } from '../signers/certificate-match.ts';
import type { SignatureScheme } from '../signers/signature-scheme.ts';
import { publicKeyOf } from '../signers/public-key.ts';
import { signerOption } from '../signers/signer-option.ts';
import type { Signer } from '../signers/signer.ts';
import { tlsServerSchema, type TlsServerOptions } from '../tls/server/server-options.ts';
import { createServer } from '../tls/server/create-server.ts';
import { agreementFindings, agreements, type Agreement } from './agreement.ts';
import { certificateFindings, nameOf } from './certificate-findings.ts';
import { addonFindingOf, faultOf, PreflightError, fault, type Finding } from './finding.ts';
import { examineKey, permissionFindings, signingAlgorithms } from './key-findings.ts';
import { proveSigning } from '../signers/signing-proof.ts';

const day = 24 * 60 * 60 * 1000;

/** Options of `createServer`, and of further checks. */
export interface PreflightOptions
  extends TlsServerOptions, Omit<ServerOpts, keyof TlsServerOptions>, KmsClientOptions {
  /** The key in KMS: its id or ARN, or an alias. Default: the signer's key. It is required without a signer. */
  keyId?: string;
  /** Your own client for KMS, instead of `region`, `endpoint` and `credentials`. */
  client?: KMSClient;
  /** Names that clients will request. The certificate must cover all of them. */
  servernames?: readonly string[];
  /** Warn if a certificate expires within this number of days. Default: 21. */
  expiryWarningDays?: number;
}

/** The options of certificate checks, here and in `rollover`. */
export const examinationSchema = {
  servernames: list(
    requiredText({ expected: "a name such as 'www.example.com'", pattern: /./, isSecret: false }),
    "an array of names such as 'www.example.com'",
  ),
  expiryWarningDays: { ...fraction({ least: 0, fallback: 21 }), expected: 'a number of days, 0 or more' },
  ...kmsClientSchema,
} satisfies Schema;

/** The options that are read here. Those of `createServer` are checked by creating a server. */
const ownSchema = {
  ...examinationSchema,
  keyId: { ...keyIdOption, isRequired: false } as Option<string | undefined>,
  client: kmsClientOption,
  signer: { ...signerOption, isRequired: false } as Option<Signer | undefined>,
} satisfies Schema;

export const preflightSchema = {
  ...tlsServerSchema,
  ...ownSchema,
} satisfies SchemaOf<Omit<PreflightOptions, keyof ServerOpts>>;

/** What was checked, if there are no faults. */
export interface PreflightReport {
  /** Undefined for a key that is not in KMS, or if `kms:DescribeKey` fails. */
  readonly keyArn: string | undefined;
  readonly keySpec: string | undefined;
  /** SHA-256 of the certificate's SubjectPublicKeyInfo. */
  readonly publicKeyFingerprint: string | undefined;
  /** The protocol versions offered, and the signature schemes that policy and key agree on. */
  readonly protocols: readonly Agreement[];
  /** The algorithms that handshakes may use, as conditions of `kms:SigningAlgorithm` name them. */
  readonly signingAlgorithms: readonly string[];
  /** The server's own certificate. */
  readonly certificate:
    | {
        readonly subject: string;
        readonly names: string;
        readonly notBefore: Date;
        readonly notAfter: Date;
        readonly fingerprint: string;
      }
    | undefined;
  readonly warnings: readonly Finding[];
}

/** A report with its faults. */
export interface Examination extends PreflightReport {
  readonly faults: readonly Finding[];
}

/**
 * Checks, before a server listens, everything that could prevent clients from connecting: the key that an alias refers to, its state
 * and usage; that the certificate is for this key; that security policy and key agree on a signature scheme for each protocol version;
 * the permission to sign (by KMS's `DryRun`, which signs nothing); the certificate's dates, names, usage and chain; the options. It
 * needs `kms:DescribeKey` in addition to a server's permissions, and warns without it.
 *
 * @throws PreflightError `ERR_S2N_PKEY_PREFLIGHT` with all faults; InvalidOptionError for its own options.
 */
export async function preflight(options: PreflightOptions): Promise<PreflightReport> {
  const { faults, ...report } = await examine(options);
  if (faults.length > 0) throw new PreflightError(faults, report.warnings);
  return report;
}

/** The same as `preflight`, but returns the faults instead of throwing them. */
export async function examine(options: PreflightOptions): Promise<Examination> {
  const own = readOwnOptions(options);
  const findings: Finding[] = [];
  const key = await withKms(options, own.keyId, async (client, keyId) => {
    const examined = await examineKey(client, keyId);
    findings.push(...examined.findings);
    return examined;
  });
  const opened = key?.opened;
  const signer = options.signer;
  if (opened !== undefined && signer instanceof KmsSigner && signer.keyArn !== opened.arn) {
    findings.push(
      fault(
        'KEY_MOVED',
        `${own.keyId} is ${opened.arn} now, and the signer was opened with ${signer.keyArn}`,
        'Open the signer again, with the certificate of the new key; or have the alias point to the former key.',
      ),
    );
  }
  const publicKey = opened?.publicKey ?? signer?.publicKey;

  const certificate = readCertificate(options.cert, findings);
  let found: Agreement[] = [];
  if (certificate !== undefined) {
    const { pem, chain, leaf } = certificate;
    findings.push(...certificateFindings(chain, own.servernames, own));
    if (publicKey !== undefined) findings.push(...mismatchFindings(pem, publicKey));
    try {
      found = await agreements(pem, publicKeyOf(leaf), options);
      findings.push(...agreementFindings(found, policyOf(options)));
    } catch (error) {
      findings.push(addonFindingOf(error, 'The message says what to choose.'));
    }
    findings.push(...optionFindings(options, pem, leaf, findings));
  }
  const schemes = [...new Set(found.flatMap((one) => one.schemes))];
  const asked = schemes.length > 0 ? schemes : (opened?.schemes ?? []);
  if (opened !== undefined && isUsable(findings)) {
    await withKms(options, opened.arn, async (client) => {
      findings.push(...(await permissionFindings(client, opened, asked)));
    });
  } else if (key === undefined && signer !== undefined) {
    findings.push(...(await signingFindings(signer, asked)));
  }
  return {
    keyArn: opened?.arn ?? key?.described?.arn,
    keySpec: opened?.spec.name ?? key?.described?.keySpec,
    publicKeyFingerprint: certificate && publicKeyFingerprint(publicKeyOf(certificate.leaf)),
    protocols: found,
    signingAlgorithms: opened === undefined ? [] : algorithmsOf(opened, asked),
    certificate: certificate && {
      subject: nameOf(certificate.leaf),
      names: certificate.leaf.subjectAltName ?? '',
      notBefore: new Date(certificate.leaf.validFrom),
      notAfter: new Date(certificate.leaf.validTo),
      fingerprint: certificate.leaf.fingerprint256,
    },
    faults: findings.filter(({ severity }) => severity === 'fault'),
    warnings: findings.filter(({ severity }) => severity === 'warning'),
  };
}

function algorithmsOf(key: OpenedKey, schemes: readonly SignatureScheme[]): string[] {
  return signingAlgorithms(key, schemes).sort();
}

/** Skips the permissions of a key whose state forbids signing, because they would fail for the same reason. */
function isUsable(findings: readonly Finding[]): boolean {
  return !findings.some(({ code }) => /^KMS_KEY_(DISABLED|PENDING_DELETION|STATE|USAGE)$/.test(code));
}

function policyOf({ securityPolicy, minVersion, maxVersion }: PreflightOptions): string {
  if (typeof securityPolicy === 'string') return securityPolicy;
  return minVersion === undefined && maxVersion === undefined
    ? 'default'
    : `of ${minVersion ?? 'TLSv1.2'} to ${maxVersion ?? 'TLSv1.3'}`;
}

function readOwnOptions(options: PreflightOptions): {
  keyId: string | undefined;
  servernames: readonly string[];
  now: number;
  expiresWithin: number;
} {
  checkOptionsObject(options, '{ cert, signer or keyId, … }');
  const { servernames = [], expiryWarningDays, signer, keyId } = readOptions(ownSchema, options);
  if (keyId === undefined && signer === undefined) {
    throw refusal('signer', signerOption, undefined, 'a Signer, or beside it or in its place `keyId`');
  }
  const ofSigner = signer instanceof KmsSigner ? signer.keyArn : undefined;
  return { keyId: keyId ?? ofSigner, servernames, now: Date.now(), expiresWithin: expiryWarningDays * day };
}

/** Undefined for a key that is not in KMS. */
async function withKms<T>(
  { client, signer, region, endpoint, credentials }: PreflightOptions,
  keyId: string | undefined,
  ask: (client: KMSClient, keyId: string) => Promise<T>,
): Promise<T | undefined> {
  if (keyId === undefined) return undefined;
  const isTold = region !== undefined || endpoint !== undefined || credentials !== undefined;
  const given = client ?? (signer instanceof KmsSigner && !isTold ? signer.client : undefined);
  if (given !== undefined) return ask(given, keyId);
  const arnRegion = /^arn:[^:]+:kms:([^:]+):/.exec(keyId)?.[1];
  const where = region ?? arnRegion;
  const own = createHandshakeClient({
    ...(where === undefined ? {} : { region: where }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  try {
    return await ask(own, keyId);
  } finally {
    own.destroy();
  }
}

function readCertificate(
  cert: unknown,
  findings: Finding[],
): { pem: string; chain: readonly X509Certificate[]; leaf: X509Certificate } | undefined {
  const texts: unknown[] = Array.isArray(cert) ? cert : [cert];
  const pem = texts.map((each) => pemText(each) ?? '').join('\n');
  if (pem.includes('PRIVATE KEY-----')) {
    findings.push(
      fault(
        'PRIVATE_KEY_IN_CERTIFICATE',
        'there is a private key beside the certificate: this process should hold none',
        'Remove it from the file; if it is the key of the certificate, it is no key of KMS, and should be replaced by one.',
      ),
    );
    return undefined;
  }
  let why = 'there is no certificate in it';
  try {
    const { certificates: chain } = readChain('cert', "a PEM chain, the server's own certificate first", pem);
    const [leaf] = chain;
    if (leaf !== undefined) return { pem, chain, leaf };
  } catch (error) {
    why = error instanceof Error ? error.message : 'unknown reason';
  }
  findings.push(
    fault(
      'CERTIFICATE_INVALID',
      `\`cert\` cannot be read as certificates: ${why}`,
      "Give `cert` a PEM chain, the server's own certificate first.",
    ),
  );
  return undefined;
}

function mismatchFindings(pem: string, publicKey: Signer['publicKey']): Finding[] {
  const holder: Signer = { publicKey, schemes: [], sign: () => Promise.reject(new SignerError('not asked')) };
  try {
    checkCertificateMatchesSigner(pem, holder);
    return [];
  } catch (error) {
    return [
      faultOf(
        error,
        "Use the key's own certificate, or the certificate's own key: fingerprints are in the message.",
      ),
    ];
  }
}

/** The options that `createServer` does not have. */
const notOfServers = [
  'keyId',
  'client',
  'servernames',
  'expiryWarningDays',
  'region',
  'endpoint',
  'credentials',
] as const satisfies readonly (keyof PreflightOptions)[];

/** The faults of the options that `createServer` refuses, without those that were found before. */
function optionFindings(
  options: PreflightOptions,
  cert: string,
  { publicKey }: X509Certificate,
  known: readonly Finding[],
): Finding[] {
  const server: TlsServerOptions & ServerOpts = { ...options };
  for (const name of notOfServers) Reflect.deleteProperty(server, name);
  const signer: Signer = {
    publicKey,
    schemes: options.signer?.schemes ?? [],
    sign: () => Promise.reject(new SignerError('not asked')),
  };
  try {
    createServer({ ...server, cert, signer });
    return [];
  } catch (error) {
    const found = addonFindingOf(error, 'The message names the option, what was given and what is expected.');
    return known.some(({ code, message }) => code === found.code && message === found.message) ? [] : [found];
  }
}

/** A signer that is not a KmsSigner is checked by one signature. */
async function signingFindings(signer: Signer, asked: readonly SignatureScheme[]): Promise<Finding[]> {
  const scheme = asked.find((one) => signer.schemes.includes(one)) ?? signer.schemes[0];
  if (scheme === undefined) return [];
  try {
    await proveSigning(signer, scheme);
    return [];
  } catch (error) {
    return [faultOf(error, 'See that the signer reaches its key, and may use it.')];
  }
}
