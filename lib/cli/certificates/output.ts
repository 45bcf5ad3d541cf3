import type { X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import { pemText } from '../../pem/pem-text.ts';
import { KmsSigner } from '../../signers/kms/kms-signer.ts';
import { placeOf, printJson, readGivenFile, type KmsPlace } from '../subcommand.ts';

/** Lends the key in KMS that is to sign. */
export async function withSigner<T>(
  keyId: string,
  place: KmsPlace,
  use: (signer: KmsSigner) => Promise<T>,
): Promise<T> {
  const signer = await KmsSigner.open({ keyId, ...placeOf(place) });
  try {
    return await use(signer);
  } finally {
    signer.close();
  }
}

/** Host names and addresses as `--name` gives them. */
export function altNamesOf(names: readonly string[]): { dns: string[]; ip: string[] } {
  return { dns: names.filter((name) => isIP(name) === 0), ip: names.filter((name) => isIP(name) !== 0) };
}

/** PEM of a certificate, `-` for none. */
export function readCertificates(command: string, path: string): string {
  return pemText(readGivenFile(command, path, path)) ?? '';
}

/** The result goes to a file, whole or not at all, or to the standard output. */
export function writeResult(
  pem: string,
  { out, json, next, facts }: { out: string | undefined; json: boolean; next: string; facts: object },
): void {
  if (out !== undefined) writeWhole(out, pem);
  if (json) {
    printJson({ ...facts, pem, out });
    return;
  }
  if (out === undefined) process.stdout.write(pem);
  else process.stdout.write(`Wrote ${out}.\n`);
  process.stderr.write(`${next}\n`);
}

function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown reason';
    throw new S2nPkeyError('ERR_S2N_PKEY_USAGE', `--out ${path} cannot be written: ${why}`, { cause });
  }
}

/** What a certificate says, for JSON and for text. */
export function factsOfCertificate(certificate: X509Certificate): Record<string, string | number | string[]> {
  const notAfter = new Date(certificate.validTo);
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    issuer: certificate.issuer.replaceAll('\n', ', '),
    names: namesIn(certificate),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: notAfter.toISOString(),
    daysLeft: Math.floor((notAfter.getTime() - Date.now()) / 86_400_000),
    serialNumber: certificate.serialNumber,
    fingerprint256: certificate.fingerprint256,
  };
}

/** Host names and addresses of a certificate. */
export function namesIn({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address):"?([^"]*)/.exec(entry)?.[1] ?? []);
}
