/**
 * The text of a PEM file as people have it: a string, or the bytes of a file. A byte-order mark is no part of the text, wherever
 * it stands (files that were joined carry several), and UTF-16, which PowerShell writes, is read as what it says.
 *
 * @returns undefined for what is neither a string nor bytes
 */
export function pemText(value: unknown): string | undefined {
  if (typeof value === 'string') return withoutByteOrderMarks(value);
  if (!ArrayBuffer.isView(value)) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return withoutByteOrderMarks(bytes.toString('utf16le'));
  if (bytes[0] === 0xfe && bytes[1] === 0xff && bytes.length % 2 === 0) {
    return withoutByteOrderMarks(Buffer.from(bytes).swap16().toString('utf16le'));
  }
  // Text around the blocks may be in any encoding; the blocks themselves are ASCII.
  return withoutByteOrderMarks(bytes.toString('latin1'));
}

/** U+FEFF, and its three bytes of UTF-8 where they were decoded as Latin-1. */
function withoutByteOrderMarks(text: string): string {
  return text.replace(/\u{feff}|\u{ef}\u{bb}\u{bf}/gu, '');
}
