import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { rootCertificates } from 'node:tls';
import { publicKeyOf } from '../signers/public-key.ts';
import { fault, warning, type Finding } from './finding.ts';
import { firstFlightFindings } from './first-flight.ts';

const day = 24 * 60 * 60 * 1000;
const serverAuth = '1.3.6.1.5.5.7.3.1';

/** The name of a certificate in messages. */
export function nameOf({ subject, subjectAltName }: X509Certificate): string {
  const written = subject.replaceAll('\n', ', ');
  return written === '' ? (subjectAltName ?? 'without subject') : written;
}

/**
 * Checks a chain, the server's own certificate first, at the time `now` (epoch milliseconds): dates, names, usage, order, and
 * completeness as far as the file shows it.
 */
export function certificateFindings(
  chain: readonly X509Certificate[],
  servernames: readonly string[],
  { now, expiresWithin }: { now: number; expiresWithin: number },
): Finding[] {
  const [leaf] = chain;
  if (leaf === undefined) return [];
  return [
    ...chain.flatMap((certificate, index) => dateFindings(certificate, index === 0, now, expiresWithin)),
    ...nameFindings(leaf, servernames),
    ...usageFindings(leaf),
    ...chainFindings(chain),
    ...firstFlightFindings(chain),
  ];
}

function dateFindings(
  certificate: X509Certificate,
  isLeaf: boolean,
  now: number,
  expiresWithin: number,
): Finding[] {
  const whose = isLeaf ? 'the certificate' : 'an intermediate certificate';
  const what = `${whose} (${nameOf(certificate)})`;
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  if (now < from) {
    return [
      fault(
        'CERTIFICATE_NOT_YET_VALID',
        `${what} is valid from ${iso(from)}, and it is ${iso(now)}`,
        "Wait until then, or use the one before it; see that this machine's clock is right.",
      ),
    ];
  }
  if (now > to) {
    return [
      fault(
        'CERTIFICATE_EXPIRED',
        `${what} expired on ${iso(to)}, and it is ${iso(now)}`,
        isLeaf
          ? 'Have it renewed: createCertificateRequest makes the request with the same key.'
          : 'Take the current intermediate certificate from the certificate authority into the file.',
      ),
    ];
  }
  if (to - now >= expiresWithin) return [];
  return [
    warning(
      'CERTIFICATE_EXPIRES_SOON',
      `${what} expires on ${iso(to)}, in ${((to - now) / day).toFixed(1)} days`,
      'Have it renewed; watchCertificate serves the new one without a restart.',
    ),
  ];
}

function nameFindings(leaf: X509Certificate, servernames: readonly string[]): Finding[] {
  const names = leaf.subjectAltName ?? '';
  if (names === '') {
    return [
      fault(
        'CERTIFICATE_WITHOUT_NAMES',
        `the certificate (${nameOf(leaf)}) has no subjectAltName: clients compare nothing else with the host they asked for (RFC 9525 §2)`,
        'Have one issued with the names in its subjectAltName: `altNames` of createCertificateRequest.',
      ),
    ];
  }
  return servernames
    .filter((name) => (isIP(name) === 0 ? !isForHost(leaf, name) : leaf.checkIP(name) === undefined))
    .map((name) =>
      fault(
        'CERTIFICATE_NAME',
        `the certificate is not for '${name}': it is for ${names}`,
        `Have one issued that has ${name} in its subjectAltName, or serve that name another certificate (addContext).`,
      ),
    );
}

/**
 * Compares names as clients do: as A-labels, without a final dot, and with any first label under a wildcard (OpenSSL's `checkHost`
 * accepts no underscore there; browsers do).
 */
function isForHost(leaf: X509Certificate, name: string): boolean {
  const host = domainToASCII(name.replace(/\.$/, '')) || name;
  if (leaf.checkHost(host, { subject: 'never' }) !== undefined) return true;
  const [first = '', ...others] = host.toLowerCase().split('.');
  const parent = others.join('.');
  if (!/^[a-z0-9_-]+$/.test(first) || !first.includes('_') || others.length < 2) return false;
  return leaf.checkHost(`${first.replaceAll('_', 'x')}.${parent}`, { subject: 'never' }) === `*.${parent}`;
}

function usageFindings(leaf: X509Certificate): Finding[] {
  const extended = leaf.keyUsage as readonly string[] | undefined; // Node's name for the extended key usage.
  if (extended === undefined || extended.includes(serverAuth)) return [];
  return [
    fault(
      'CERTIFICATE_USAGE',
      `the certificate is for ${extended.join(', ')} and not for TLS servers (serverAuth, ${serverAuth})`,
      'Have one issued with serverAuth in its extended key usage; anyExtendedKeyUsage does not stand for it, with browsers and s2n-tls.',
    ),
  ];
}

function chainFindings(chain: readonly X509Certificate[]): Finding[] {
  const [leaf, ...others] = chain;
  if (leaf === undefined) return [];
  if (isSelfSigned(leaf)) {
    return [
      warning(
        'CERTIFICATE_SELF_SIGNED',
        'the certificate is self-signed: clients trust it only where they are told to',
        'For clients that you do not configure, have one issued by a certificate authority (createCertificateRequest).',
      ),
    ];
  }
  const path = [leaf];
  let rest = [...others];
  for (let child = leaf; ;) {
    const current = child;
    const issuer = rest.find((one) => isIssuedBy(current, one));
    if (issuer === undefined) break;
    path.push(issuer);
    rest = rest.filter((one) => one !== issuer);
    if (isSelfSigned(issuer)) break;
    child = issuer;
  }
  const findings: Finding[] = [];
  if (path.some((certificate, index) => certificate !== chain[index])) {
    findings.push(
      fault(
        'CHAIN_ORDER',
        `the file has the certificates in the wrong order; each should be followed by the one that issued it: ${path.map(nameOf).join(' < ')}`,
        "Put the server's own certificate first, and then each issuer after what it issued (RFC 5246 §7.4.2).",
      ),
    );
  }
  if (rest.length > 0) {
    findings.push(
      warning(
        'CHAIN_UNRELATED',
        `the file has certificates that issued none of the others: ${rest.map(nameOf).join('; ')}`,
        'Remove them: every full handshake sends them.',
      ),
    );
  }
  const last = path.at(-1) ?? leaf;
  if (path.length === 1 && !isWellKnownRoot(last.issuer)) {
    findings.push(
      warning(
        'CHAIN_INCOMPLETE',
        `the file has the server's own certificate alone, and what issued it (${last.issuer.replaceAll('\n', ', ')}) is no well-known ` +
          'root: clients that lack the intermediate certificate refuse it',
        'Append the intermediate certificates that the authority gave with it, unless the issuer is a private root that your clients have.',
      ),
    );
  }
  return findings;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(publicKeyOf(issuer));
}

/** `checkIssued` requires keyCertSign of an issuer, which a self-signed server certificate lacks. */
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(publicKeyOf(certificate));
}

let rootNames: Set<string> | undefined;

function isWellKnownRoot(issuer: string): boolean {
  rootNames ??= new Set(rootCertificates.map((pem) => new X509Certificate(pem).subject));
  return rootNames.has(issuer);
}

function iso(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
