import { serverName, type Demonstration } from './demonstration.ts';
import type { ChosenKms } from './choose-kms.ts';

/** What AWS is assumed to ask for this in the United States: per key and month, and per 10,000 asymmetric requests (US dollars). */
const price = { keyMonth: 1, tenThousandSigns: 0.15 };

/** Which KMS is used, and what that costs. */
export function opening(kms: ChosenKms): string {
  return `KMS           ${kms.description}\n              ${costNotice(kms)}`;
}

/** A line for releases of Node.js that the AWS SDK is about to leave behind; otherwise nothing. */
export function nodeNotice(version: string): string {
  if (Number.parseInt(version.slice(1), 10) >= 22) return '';
  return `Node.js       ${version}: AWS SDK releases from January 2027 on require Node.js 22 or later\n`;
}

function costNotice({ isAws }: ChosenKms): string {
  if (!isAws) return 'It costs nothing.';
  return (
    `It costs about $${price.keyMonth} a month for the key while it exists (\`npm run demo:clean\` ends that) and ` +
    `$${price.tenThousandSigns.toFixed(2)} per 10,000 requests; this run makes about ten.`
  );
}

/** The whole run, as lines. */
export function report(run: Demonstration): string {
  const { handshake, key } = run;
  const row = (name: string, text: string): string => `${name.padEnd(14)}${text}`;
  return [
    row('Key', `${key.arn} (${key.keySpec}, ${run.keyCreated ? 'created now' : 'found'})`),
    row('Certificate', `self-signed for ${serverName}, signed by KMS${took(run.certificateSign)}`),
    row('Server', `127.0.0.1:${run.port}, holding the certificate and no private key`),
    row(
      'Client',
      `trusts only that certificate: ${run.clientAuthorized ? 'chain and name verified' : 'NOT VERIFIED'}`,
    ),
    row('Message', `"${run.sent}"`),
    row('Answer', `"${run.received}"`),
    '',
    row('Handshake', handshake.kind),
    row('Protocol', handshake.protocol),
    row('Cipher suite', handshake.cipher),
    row('Group', handshake.group),
    row('Signature', handshake.scheme),
    '',
    'Timeline of the handshake, in milliseconds since the connection was accepted',
    ...timeline(run),
    '',
    'The certificate',
    ...run.certificateText
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}

function timeline({ handshake, handshakeSigns, clientTime }: Demonstration): string[] {
  const at = (time: number, what: string): string => `  ${time.toFixed(2).padStart(8)}  ${what}`;
  const [sign] = handshakeSigns;
  return [
    at(0, 'connection accepted, its descriptor handed to the engine thread'),
    at(handshake.stopped, 'handshake stopped at the private-key operation, handed to JavaScript'),
    ...handshakeSigns.map(({ scheme }) => `            KMS Sign, ${scheme}${took(sign)}`),
    at(handshake.continued, 'signature checked against the certificate, handshake goes on'),
    at(handshake.done, 'handshake done, plaintext handed to JavaScript'),
    `  (the client, connecting included, took ${clientTime.toFixed(2)})`,
  ];
}

function took(call: { asked: number; answered: number } | undefined): string {
  return call === undefined ? '' : `: ${(call.answered - call.asked).toFixed(2)} ms`;
}
