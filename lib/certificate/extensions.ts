import { webcrypto, type KeyObject } from 'node:crypto';
import type { Extension, Name } from '@peculiar/x509';
import type { Certified } from './certified.ts';
import type { NameAttribute } from './distinguished-name.ts';
import type { X509Library } from './x509-library.ts';

/** The subject as @peculiar/x509 takes it: each attribute a set of its own, in order. */
export function nameOf(x509: X509Library, subject: readonly NameAttribute[]): Name {
  return new x509.Name(subject.map(({ oid, value, encoding }) => ({ [oid]: [{ [encoding]: value }] })));
}

/** The extensions that certificates and requests have in common. Critical as RFC 5280 §4.2.1 has them. */
export function extensionsOf(x509: X509Library, certified: Certified): Extension[] {
  const { subject, altNames, keyUsage, extendedKeyUsage, ca, pathLength } = certified;
  const extensions: Extension[] = [new x509.BasicConstraintsExtension(ca, pathLength, true)];
  if (keyUsage.length > 0) {
    const flags = keyUsage.map((usage) => x509.KeyUsageFlags[usage]).reduce((all, flag) => all | flag);
    extensions.push(new x509.KeyUsagesExtension(flags, true));
  }
  if (extendedKeyUsage.length > 0) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...extendedKeyUsage]));
  }
  if (altNames.length > 0) {
    extensions.push(new x509.SubjectAlternativeNameExtension([...altNames], subject.length === 0));
  }
  return extensions;
}

/**
 * Subject and authority key identifiers of a certificate that its own key signs: the first 160 bits of the SHA-256 of the public
 * key (RFC 7093 §2, method 1).
 */
export async function keyIdentifiers(x509: X509Library, publicKey: KeyObject): Promise<Extension[]> {
  const spki = new x509.PublicKey(publicKey.export({ format: 'der', type: 'spki' }));
  const digest = await spki.getKeyIdentifier('SHA-256', webcrypto);
  const identifier = Buffer.from(digest).subarray(0, 20).toString('hex');
  return [
    new x509.SubjectKeyIdentifierExtension(identifier),
    new x509.AuthorityKeyIdentifierExtension(identifier),
  ];
}
