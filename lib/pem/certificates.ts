import { X509Certificate } from 'node:crypto';
import { Given, InvalidOptionError } from '../errors.ts';
import { pemBlock, pemBlocks, PemError, type PemBlock } from './pem-blocks.ts';
import { pemText } from './pem-text.ts';

/** The labels that OpenSSL reads as certificates (`PEM_read_bio_X509_AUX`). */
const certificateLabels: ReadonlySet<string> = new Set([
  'CERTIFICATE',
  'X509 CERTIFICATE',
  'TRUSTED CERTIFICATE',
]);

/** One certificate of a PEM text. */
export class PemCertificate {
  /** The certificate alone, in one block `CERTIFICATE`. */
  readonly pem: string;
  /**
   * The block as it was given, under its label: what a `TRUSTED CERTIFICATE` says of the uses it is trusted for follows the
   * certificate in it.
   */
  readonly block: string;
  /** Its place in the text, for messages: `certificate 2 (line 31)`. */
  readonly place: string;

  /** @throws PemError */
  constructor(block: PemBlock, number = 1) {
    const bytes = block.decode();
    this.pem = pemBlock('CERTIFICATE', block.label === 'TRUSTED CERTIFICATE' ? firstValue(bytes) : bytes);
    this.block = pemBlock(block.label, bytes);
    this.place = `certificate ${number} (line ${block.line})`;
  }
}

/** A text that should hold certificates or revocation lists, and cannot be read. */
export class UnreadablePemError extends InvalidOptionError {}

/** Whether a block of this label holds a certificate. */
export function isCertificate({ label }: PemBlock): boolean {
  return certificateLabels.has(label);
}

/**
 * The certificates of a PEM text, in its order; never none. Other blocks and text around them are skipped, as OpenSSL does, but a
 * certificate never is: one whose block cannot be decoded is an error. So is a private key, which has no place in this process.
 *
 * @param option the option's name, for messages
 * @param expected what the option expects, for messages
 * @param value a string, or bytes
 * @throws UnreadablePemError naming the option, the block and its line; InvalidOptionError for a value of another type
 */
export function readCertificates(option: string, expected: string, value: unknown): PemCertificate[] {
  return readBlocks(option, expected, value, isCertificate).map((block, index) =>
    decoding(option, expected, () => new PemCertificate(block, index + 1)),
  );
}

/**
 * A certificate chain, the owner's own certificate first.
 *
 * @throws InvalidOptionError as `readCertificates`, and for bytes that are no certificate
 */
export function readChain(
  option: string,
  expected: string,
  value: unknown,
): { readonly pem: string; readonly certificates: readonly X509Certificate[] } {
  const read = readCertificates(option, expected, value);
  const certificates = read.map(({ pem, place }) => {
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      throw refusal(option, expected, `${place} is not a certificate`, cause);
    }
  });
  return { pem: read.map(({ pem }) => pem).join(''), certificates };
}

/**
 * The revocation lists of a PEM text, each as a block of its own; never none.
 *
 * @throws InvalidOptionError as `readCertificates`
 */
export function readRevocationLists(option: string, expected: string, value: unknown): string[] {
  return readBlocks(option, expected, value, ({ label }) => label === 'X509 CRL').map((block) =>
    decoding(option, expected, () => pemBlock(block.label, block.decode())),
  );
}

function readBlocks(
  option: string,
  expected: string,
  value: unknown,
  isWanted: (block: PemBlock) => boolean,
): PemBlock[] {
  const text = pemText(value);
  if (text === undefined) throw new InvalidOptionError(option, expected, value);
  // Looked for in the text, so that the block of a key that is cut off or unusual is found, too.
  if (text.includes('PRIVATE KEY-----')) {
    throw new UnreadablePemError(
      option,
      `${expected}, and no private key beside it: remove the key from the file`,
      new Given('PEM with a private key'),
    );
  }
  const all = decoding(option, expected, () => pemBlocks(text));
  const wanted = all.filter(isWanted);
  if (wanted.length > 0) return wanted;
  throw new UnreadablePemError(option, expected, new Given(whatIsThere(text, all)));
}

function whatIsThere(text: string, blocks: readonly PemBlock[]): string {
  if (blocks.length > 0) return `PEM with only ${[...new Set(blocks.map(({ label }) => label))].join(', ')}`;
  if (text.includes('-----\\n')) return 'a text with the two characters "\\n" where lines should end';
  return `a text of ${text.length} characters without PEM`;
}

/** The first DER value of several (X.690 §8.1). */
function firstValue(bytes: Buffer): Buffer {
  const short = bytes[1] ?? 0;
  if (short < 0x80) return bytes.subarray(0, 2 + short);
  const size = short & 0x7f;
  if (size === 0 || size > 4 || bytes.length < 2 + size) return bytes;
  return bytes.subarray(0, 2 + size + bytes.readUIntBE(2, size));
}

function decoding<T>(option: string, expected: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw refusal(option, expected, cause instanceof PemError ? cause.message : String(cause), cause);
  }
}

function refusal(option: string, expected: string, why: string, cause?: unknown): UnreadablePemError {
  return new UnreadablePemError(option, expected, new Given(`PEM that cannot be read: ${why}`), { cause });
}
