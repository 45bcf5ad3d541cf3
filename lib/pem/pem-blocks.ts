/** One block of a PEM text (RFC 7468 §2). */
export interface PemBlock {
  /** For example `CERTIFICATE`. */
  readonly label: string;
  /** Line of the text that the block begins in, from 1. */
  readonly line: number;
  /** The block's content, decoded. Throws PemError when it is not base64, or encrypted. */
  decode(): Buffer;
}

/** A PEM text that cannot be read to its end. The message names the block and its line. */
export class PemError extends Error {
  override readonly name = 'PemError';
}

/**
 * At the beginning of a line, indented or not, or right behind a block whose last line has no end. What follows is the end of
 * the line, or base64 at once where line ends were lost.
 */
const begin =
  /(?<=^[ \t]*|-----[ \t]*)-----BEGIN ([A-Z0-9][A-Z0-9 #.]*)-----(?=[ \t]*$|[ \t]*[A-Za-z0-9+/=]{16})/gmu;

/**
 * The blocks of a PEM text, in its order. Text around them is passed over, as OpenSSL does. Blocks are decoded when asked, so that
 * those of no interest (`DH PARAMETERS` beside a certificate) need not be sound.
 *
 * @param text as `pemText` gives it
 * @param onCutOff what to do about a block without its end; thrown unless given
 * @throws PemError for a block without its end
 */
export function pemBlocks(text: string, onCutOff?: (error: PemError) => void): PemBlock[] {
  const blocks: PemBlock[] = [];
  const starts = [...text.matchAll(begin)];
  for (const [index, match] of starts.entries()) {
    const [whole, label = ''] = match;
    const start = match.index + whole.length;
    const next = starts[index + 1]?.index ?? text.length;
    const line = lineAt(text, match.index);
    const end = text.slice(start, next).indexOf(`-----END ${label}-----`);
    if (end === -1) {
      const error = new PemError(`${nameOf(index, label, line)} has no line "-----END ${label}-----"`);
      if (onCutOff === undefined) throw error;
      onCutOff(error);
      continue;
    }
    const content = text.slice(start, start + end);
    blocks.push({ label, line, decode: () => decode(content, nameOf(index, label, line)) });
  }
  return blocks;
}

/** One block as OpenSSL writes it: lines of 64 characters, with an end of line after the last. */
export function pemBlock(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.byteLength)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function decode(content: string, name: string): Buffer {
  // Headers as of RFC 1421 §4.6 end at an empty line.
  const [headers = '', ...rest] = content.trimStart().split(/\r?\n[ \t]*\r?\n/);
  const hasHeaders = /^[A-Za-z][\w-]*:/.test(headers);
  if (hasHeaders && /^Proc-Type:.*ENCRYPTED/im.test(headers)) throw new PemError(`${name} is encrypted`);
  const base64 = (hasHeaders ? rest.join('') : content).replace(/\s+/g, '');
  if (base64 === '') throw new PemError(`${name} is empty`);
  if (base64.includes('\\n')) {
    throw new PemError(
      `${name} has the two characters "\\n" where lines should end: replace them by line ends`,
    );
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
    throw new PemError(`${name} has characters that are not base64`);
  if (base64.length % 4 !== 0) throw new PemError(`${name} is cut off: its base64 ends in the middle`);
  return Buffer.from(base64, 'base64');
}

function nameOf(index: number, label: string, line: number): string {
  return `block ${index + 1} (${label}, line ${line})`;
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}
