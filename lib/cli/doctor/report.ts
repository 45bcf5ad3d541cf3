import type { Finding } from '../../doctor/finding.ts';
import { roleToFillIn } from '../../doctor/policies.ts';
import type { SeenHandshake } from '../../doctor/served-address.ts';
import type { AddressDiagnosis, PairDiagnosis } from './diagnosis.ts';

const width = 14;

/** What is found out about a key and its certificate, for people. */
export function pairText(diagnosis: PairDiagnosis): string {
  const { title, keyId, keyArn, keySpec, certificate, protocols, latency, cost, policies } = diagnosis;
  const lines = [
    title,
    row(
      'Key',
      keyArn === undefined
        ? keyId
        : `${keyId === keyArn ? '' : `${keyId} is `}${keyArn} (${keySpec ?? 'unknown'})`,
    ),
  ];
  if (certificate !== undefined) {
    const { subject, names, notBefore, notAfter, fingerprint } = certificate;
    lines.push(
      row('Certificate', `${subject}; ${names}`),
      row('', `valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}`),
      row('', `SHA-256 ${fingerprint}`),
    );
  }
  for (const { protocol, schemes } of protocols) lines.push(row(protocol, schemes.join(', ') || 'no scheme'));
  if (latency !== undefined) {
    const { p50, p99, max, signatures, scheme, dollars } = latency;
    lines.push(
      row(
        'Signatures',
        `p50 ${p50} ms, p99 ${p99} ms, at most ${max} ms (${signatures} of ${scheme}, one at a time)`,
      ),
      row('', `measuring them cost $${dollars}, at the price below`),
    );
  }
  lines.push(
    row(
      'Cost',
      `$${cost.perMillionFullHandshakes} for a million full handshakes: $${cost.pricePer10000} for 10,000 requests,`,
    ),
    row('', `${cost.assumption}. Resumed handshakes cost nothing.`),
    ...findingLines(diagnosis),
  );
  if (policies !== undefined) {
    lines.push(
      '',
      "IAM policy for the server's role (PreflightAndDoctorOnly is for where those run):",
      JSON.stringify(policies.iamPolicy, undefined, 2),
      '',
      `Key policy${JSON.stringify(policies.keyPolicy).includes(roleToFillIn) ? ` (put the role in place of ${roleToFillIn}, or give --role)` : ''}:`,
      JSON.stringify(policies.keyPolicy, undefined, 2),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What clients of a running server see, for people. */
export function addressText(diagnosis: AddressDiagnosis): string {
  const { address, servername, handshakes } = diagnosis;
  const lines = [row('Server', servername === undefined ? address : `${address}, asked for ${servername}`)];
  for (const handshake of handshakes) lines.push(...handshakeLines(handshake));
  const chain = handshakes.findLast((one) => one.chain !== undefined)?.chain ?? [];
  for (const [index, { subject, issuer, names, notBefore, notAfter }] of chain.entries()) {
    lines.push(
      row(index === 0 ? 'Certificate' : '', `${subject || 'no subject'}, issued by ${issuer}`),
      ...(names === undefined ? [] : [row('', names)]),
      row('', `valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}`),
    );
  }
  return `${[...lines, ...findingLines(diagnosis)].join('\n')}\n`;
}

function handshakeLines(handshake: SeenHandshake): string[] {
  const { protocol, refused, cipher, group, signatureScheme, alpnProtocol } = handshake;
  if (refused !== undefined) return [row(protocol, `no: ${refused}`)];
  const { resumed, ocspStapled, milliseconds } = handshake;
  return [
    row(
      protocol,
      `${cipher}, ${group}, ${signatureScheme === undefined ? '' : `${signatureScheme}, `}in ${milliseconds} ms`,
    ),
    row(
      '',
      [
        `ALPN ${alpnProtocol ?? 'none'}`,
        resumed === true ? 'a second connection was resumed' : 'a second connection was not resumed',
        ocspStapled === true ? 'OCSP stapled' : 'no OCSP response stapled',
      ].join('; '),
    ),
  ];
}

function findingLines({
  faults,
  warnings,
}: {
  readonly faults: readonly Finding[];
  readonly warnings: readonly Finding[];
}): string[] {
  const all = [...faults, ...warnings].flatMap(({ severity, code, message, whatToDo }) => [
    row(severity === 'fault' ? 'FAULT' : 'Warning', `${code}: ${message}`),
    row('', whatToDo),
  ]);
  return faults.length === 0 ? [...all, row('Faults', 'none')] : all;
}

function row(name: string, text: string): string {
  return `${name.padEnd(width)}${text}`;
}
