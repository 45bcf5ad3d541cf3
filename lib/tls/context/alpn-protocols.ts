import { InvalidOptionError } from '../../errors.ts';

/**
 * ALPN protocol names in order of preference, in the formats of node:tls: an array of names, or the wire format (RFC 7301
 * §3.1), where each name follows its length in one byte.
 */
export type AlpnProtocols = readonly (string | Uint8Array)[] | NodeJS.ArrayBufferView;

const expected = 'an array of protocol names of 1 to 255 bytes without NUL, such as ["h2", "http/1.1"]';

/** @throws InvalidOptionError. */
export function readProtocols(protocols: unknown = []): string[] {
  if (ArrayBuffer.isView(protocols)) return readWireFormat(protocols);
  if (!Array.isArray(protocols)) throw new InvalidOptionError('ALPNProtocols', expected, protocols);
  return protocols.map((protocol: unknown) => {
    const name = protocol instanceof Uint8Array ? decode(protocol) : protocol;
    if (typeof name !== 'string' || !isName(name)) {
      throw new InvalidOptionError('ALPNProtocols', expected, protocol);
    }
    return name;
  });
}

function readWireFormat({ buffer, byteOffset, byteLength }: ArrayBufferView): string[] {
  const wire = Buffer.from(buffer, byteOffset, byteLength);
  const names: string[] = [];
  for (let at = 0; at < wire.length;) {
    const end = at + 1 + wire.readUInt8(at);
    if (end === at + 1 || end > wire.length) {
      throw new InvalidOptionError(
        'ALPNProtocols',
        `${expected}, or a Buffer of their wire format, each name after its length in one byte`,
        `${wire.length} bytes of something else`,
      );
    }
    const name = decode(wire.subarray(at + 1, end));
    if (!isName(name)) throw new InvalidOptionError('ALPNProtocols', expected, 'a name with NUL');
    names.push(name);
    at = end;
  }
  return names;
}

function decode(name: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    throw new InvalidOptionError('ALPNProtocols', `${expected}, in UTF-8`, `a name of ${name.length} bytes`);
  }
}

function isName(name: string): boolean {
  return name.length > 0 && !name.includes('\0') && Buffer.byteLength(name) <= 255;
}
