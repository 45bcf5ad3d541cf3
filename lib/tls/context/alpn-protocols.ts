import { Given } from '../../errors.ts';
import { readOption, refusal, type Option } from '../../options/option.ts';

/**
 * ALPN protocol names in order of preference, in the formats of node:tls: an array of names, or the wire format (RFC 7301
 * §3.1), where each name follows its length in one byte.
 */
export type AlpnProtocols = readonly (string | Uint8Array)[] | NodeJS.ArrayBufferView;

const expected = 'an array of protocol names of 1 to 255 bytes without NUL, such as ["h2", "http/1.1"]';

/** Read as names. */
export const protocolsOption: Option<string[]> = {
  type: 'string[] | Buffer',
  ...{ expected, fallback: [], isSecret: false },
  fits: (value) => ArrayBuffer.isView(value) || Array.isArray(value),
  read: (_name, value) =>
    ArrayBuffer.isView(value) ? readWireFormat(value) : (value as unknown[]).map(readName),
};

/** @throws InvalidOptionError. */
export function readProtocols(protocols: unknown): string[] {
  return readOption('ALPNProtocols', protocolsOption, protocols);
}

function refuse(given: unknown, what = expected): never {
  throw refusal('ALPNProtocols', protocolsOption, given, what);
}

function readName(protocol: unknown): string {
  const name = protocol instanceof Uint8Array ? decode(protocol) : protocol;
  return typeof name === 'string' && isName(name) ? name : refuse(protocol);
}

function readWireFormat({ buffer, byteOffset, byteLength }: ArrayBufferView): string[] {
  const wire = Buffer.from(buffer, byteOffset, byteLength);
  const names: string[] = [];
  for (let at = 0; at < wire.length;) {
    const end = at + 1 + wire.readUInt8(at);
    if (end === at + 1 || end > wire.length) {
      refuse(
        new Given(`${wire.length} bytes of something else`),
        `${expected}, or a Buffer of their wire format, each name after its length in one byte`,
      );
    }
    const name = decode(wire.subarray(at + 1, end));
    if (!isName(name)) refuse(new Given('a name with NUL'));
    names.push(name);
    at = end;
  }
  return names;
}

function decode(name: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    return refuse(new Given(`a name of ${name.length} bytes`), `${expected}, in UTF-8`);
  }
}

function isName(name: string): boolean {
  return name.length > 0 && !name.includes('\0') && Buffer.byteLength(name) <= 255;
}
