import { createSign, verify } from 'node:crypto';
import { expect } from 'chai';
import { curveOfKind } from '../../lib/signers/curves.ts';
import { derOfRawEcdsa } from '../../lib/signers/ecdsa-signature.ts';
import { keyPair } from './key-pairs.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('derOfRawEcdsa', () => {
  it('gives the known answer of RFC 6979 §A.2.5 (P-256, SHA-256, "sample")', () => {
    const r = 'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716';
    const s = 'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8';
    expect(Buffer.from(derOfRawEcdsa(hex(r + s), 32)).toString('hex')).to.equal(
      `3046022100${r}022100${s}`.toLowerCase(),
    );
  });

  it('drops zeros at the front of r and s, but for the one that keeps a number positive', () => {
    const raw = Buffer.alloc(64);
    raw[31] = 0x7f;
    raw[62] = 0x80;
    expect(Buffer.from(derOfRawEcdsa(raw, 32)).toString('hex')).to.equal('300802017f0203008000');
  });

  it('has a length of two bytes for the longest, of P-521', () => {
    const raw = Buffer.alloc(132, 0xff);
    const der = derOfRawEcdsa(raw, 66);
    expect(Buffer.from(der.subarray(0, 6)).toString('hex')).to.equal('30818a024300');
    expect(der).to.have.lengthOf(3 + 2 * (2 + 67));
  });

  for (const curve of ['P-256', 'P-384', 'P-521'] as const) {
    it(`gives what OpenSSL verifies, ${curve}, a hundred times`, () => {
      const { privateKey, publicKey } = keyPair(curve);
      for (let count = 0; count < 100; count++) {
        const message = Buffer.from(`message ${count}`);
        const raw = createSign('sha256').update(message).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
        const der = derOfRawEcdsa(raw, curveOfKind(curve).fieldLength);
        expect(verify('sha256', message, publicKey, der)).to.equal(true);
      }
      expect(curveOfKind(curve).digestLength).to.equal({ 'P-256': 32, 'P-384': 48, 'P-521': 64 }[curve]);
    });
  }

  it('refuses what is no such signature', () => {
    for (const raw of [
      Buffer.alloc(63, 1),
      Buffer.alloc(65, 1),
      Buffer.alloc(0),
      Buffer.alloc(64),
      undefined,
    ]) {
      expect(() => derOfRawEcdsa(raw as Buffer, 32))
        .to.throw()
        .with.property('code', 'ERR_S2N_PKEY_SIGNATURE_INVALID');
    }
  });
});
