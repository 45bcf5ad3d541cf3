import { fault, faultOf, type Finding } from '../../doctor/finding.ts';
import { leastPrivilege, type LeastPrivilege } from '../../doctor/policies.ts';
import { examine, type PreflightReport } from '../../doctor/preflight.ts';
import { seeServer, type AddressOptions, type SeenHandshake } from '../../doctor/served-address.ts';
import { costOf, signingCost, type SigningCost } from '../../doctor/signing-cost.ts';
import { signingLatency, type SigningLatency } from '../../doctor/signing-latency.ts';
import { KmsSigner } from '../../signers/kms/kms-signer.ts';
import type { DoctorOptions, Pair } from './options.ts';

/** What was found out about a key and its certificate. */
export interface PairDiagnosis extends PreflightReport {
  readonly title: string;
  readonly keyId: string;
  readonly faults: readonly Finding[];
  /** Undefined where nothing was measured: no signature was asked for, or the key does not sign. */
  readonly latency: (SigningLatency & { readonly dollars: number }) | undefined;
  readonly cost: SigningCost;
  /** Undefined where KMS does not tell the key's ARN. */
  readonly policies: LeastPrivilege | undefined;
}

export async function diagnosePairs(options: DoctorOptions): Promise<PairDiagnosis[]> {
  const diagnoses: PairDiagnosis[] = [];
  for (const pair of options.pairs) diagnoses.push(await diagnosePair(pair, options));
  const [now, next] = diagnoses;
  if (now === undefined || next === undefined) return diagnoses;
  return [now, { ...next, faults: [...next.faults, ...rolloverFindings(now, next)] }];
}

async function diagnosePair({ title, keyId, cert }: Pair, options: DoctorOptions): Promise<PairDiagnosis> {
  const { securityPolicy, servernames, region, endpoint, signatures, price, role } = options;
  const where = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  const { faults, ...report } = await examine({
    keyId,
    cert,
    servernames,
    ...where,
    ...(securityPolicy === undefined ? {} : { securityPolicy }),
  });
  const cost = signingCost(report.keySpec, price);
  const all = [...faults];
  let latency: SigningLatency | undefined;
  // A key that KMS does not let sign has its fault already.
  if (signatures > 0 && report.keyArn !== undefined && !faults.some(({ code }) => code.startsWith('KMS_'))) {
    try {
      latency = await measure(report, where, signatures);
    } catch (error) {
      all.push(
        faultOf(error, 'A signature did not succeed, though KMS said that it is allowed: see the message.'),
      );
    }
  }
  return {
    title,
    keyId,
    ...report,
    faults: all,
    latency: latency && { ...latency, dollars: costOf(signatures + 1, cost) },
    cost,
    policies:
      report.keyArn === undefined || report.signingAlgorithms.length === 0
        ? undefined
        : leastPrivilege(report.keyArn, report.signingAlgorithms, role),
  };
}

async function measure(
  { keyArn, protocols }: PreflightReport,
  where: object,
  signatures: number,
): Promise<SigningLatency | undefined> {
  const signer = await KmsSigner.open({ keyId: keyArn ?? '', ...where });
  try {
    // The newest version's, which most clients ask for.
    const scheme = protocols.at(-1)?.schemes[0] ?? signer.schemes[0];
    return scheme && (await signingLatency(signer, scheme, signatures));
  } finally {
    signer.close();
  }
}

/** What is wrong with the two together: a switch from one to the other should lose no client. */
function rolloverFindings(now: PairDiagnosis, next: PairDiagnosis): Finding[] {
  const findings: Finding[] = [];
  if (next.keyArn !== undefined && next.keyArn === now.keyArn) {
    findings.push(
      fault(
        'SAME_KEY',
        `the next key is the one in use, ${next.keyArn}`,
        'Make another (createKey); for a new certificate of the same key nothing needs to be switched but the file (watchCertificate).',
      ),
    );
  }
  const former = namesOf(now);
  const lost = former.filter((name) => !namesOf(next).includes(name));
  if (next.certificate !== undefined && lost.length > 0) {
    findings.push(
      fault(
        'NAMES_LOST',
        `the next certificate is not for ${lost.join(', ')}, which the one in use is for`,
        'Have it issued with all names, unless they are given up on purpose.',
      ),
    );
  }
  return findings;
}

function namesOf({ certificate }: PairDiagnosis): string[] {
  return certificate === undefined ? [] : certificate.names.split(', ').filter((name) => name !== '');
}

/** What clients of a running server see. */
export interface AddressDiagnosis {
  readonly address: string;
  readonly servername: string | undefined;
  readonly handshakes: readonly SeenHandshake[];
  readonly faults: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export async function diagnoseAddress(options: AddressOptions): Promise<AddressDiagnosis> {
  const { handshakes, findings } = await seeServer(options);
  return {
    address: `${options.host}:${options.port}`,
    servername: options.servername,
    handshakes,
    faults: findings.filter(({ severity }) => severity === 'fault'),
    warnings: findings.filter(({ severity }) => severity === 'warning'),
  };
}
