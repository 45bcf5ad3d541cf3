import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { readCertificates, readChain, readRevocationLists } from '../../lib/pem/certificates.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity } from '../fixtures/identity.ts';
import { certificateForms, pemForms } from '../fixtures/pem-forms.ts';
import { Random, testSeed } from '../fixtures/random.ts';

const expected = 'PEM certificates';

describe('PEM certificates', () => {
  const certificates = [identity('P-256').cert, identity('RSA-2048').cert, identity('P-384').cert];
  const serials = certificates.map((cert) => new X509Certificate(cert).serialNumber);

  for (const { name, write } of [...pemForms, ...certificateForms]) {
    it(`are all read ${name}`, () => {
      const read = readChain('cert', expected, write(certificates));
      expect(read.certificates.map(({ serialNumber }) => serialNumber)).to.deep.equal(serials);
      expect(read.pem).to.equal(certificates.join(''));
    });
  }

  it('are refused with the block and its line when one is cut off, damaged, encrypted, empty or has "\\n" for line ends', () => {
    const [first = '', second = '', third = ''] = certificates;
    const damaged = (change: (block: string) => string): string => `${first}# two\n${change(second)}${third}`;
    const place = `block 2 (CERTIFICATE, line ${first.split('\n').length + 1})`;
    for (const [change, why] of [
      [
        (block: string) => block.replace(/-----END.*\n/, ''),
        `${place} has no line "-----END CERTIFICATE-----"`,
      ],
      [(block: string) => `${block.slice(0, 400)}\n`, `${place} has no line "-----END CERTIFICATE-----"`],
      [(block: string) => block.replace('MII', 'M!I'), `${place} has characters that are not base64`],
      [(block: string) => block.replace('MII', 'MI'), `${place} is cut off: its base64 ends in the middle`],
      [
        (block: string) => block.replace('MII', 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMII'),
        `${place} is encrypted`,
      ],
      [(block: string) => block.replace(/(BEGIN.*\n)[^-]*/, '$1'), `${place} is empty`],
    ] as const) {
      expect(() => readCertificates('ca', expected, damaged(change)))
        .to.throw(`ca: expected PEM certificates; given PEM that cannot be read: ${why}`)
        .with.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
    }
    const oneLine = first.trim().replaceAll('\n', '\\n');
    expect(() => readCertificates('ca', expected, oneLine)).to.throw('the two characters "\\n"');
    const halfEscaped = first.replace(/\n(?=[A-Za-z0-9+/])/g, (end, at: number) => (at > 40 ? '\\n' : end));
    expect(() => readCertificates('ca', expected, halfEscaped)).to.throw('the two characters "\\n"');
    expect(() =>
      readChain(
        'cert',
        expected,
        damaged((block) => block.replace('MII', 'XXX')),
      ),
    ).to.throw(`certificate 2 (line ${first.split('\n').length + 1}) is not a certificate`);
  });

  it('are refused by what is there instead', () => {
    const { key } = identity('P-256');
    const attempt = (value: unknown) => () => readCertificates('ca', expected, value);
    expect(attempt('')).to.throw('given a text of 0 characters without PEM');
    expect(attempt(Buffer.from('nonsense'))).to.throw('given a text of 8 characters without PEM');
    expect(attempt('-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n')).to.throw(
      'given PEM with only PKCS7',
    );
    expect(attempt(certificates.join('') + key)).to.throw(
      'no private key beside it: remove the key from the file',
    );
    for (const value of [undefined, null, 5, {}, [certificates[0]]]) {
      expect(attempt(value)).to.throw('ca: expected PEM certificates; given');
    }
  });

  it('however they are changed, are read, or refused with a reason, and none is lost without one', () => {
    const whole = certificates.join('');
    const seed = testSeed();
    const random = new Random(seed);
    const pieces = [
      '-',
      '-----',
      '\n',
      '\r',
      ' ',
      '\u{feff}',
      'BEGIN',
      'END CERTIFICATE',
      '=',
      '\0',
      'é',
      whole,
    ];
    for (let round = 0; round < 3000; round++) {
      let text = whole;
      for (let changes = 1 + random.below(3); changes > 0; changes--) {
        const at = random.below(text.length);
        const removed = random.below(4) === 0 ? random.below(200) : random.below(2);
        text = text.slice(0, at) + (pieces[random.below(pieces.length)] ?? '') + text.slice(at + removed);
      }
      // As many as the text begins, where lines say so.
      const begun = (
        text.replaceAll('\u{feff}', '').match(/^[ \t]*-----BEGIN CERTIFICATE-----[ \t]*$/gm) ?? []
      ).length;
      let read: number | undefined;
      try {
        read = readCertificates('ca', expected, text).length;
      } catch (error) {
        expect(error).to.have.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
      }
      if (read !== undefined) expect(read, `seed ${seed}: ${text}`).to.be.at.least(begun);
    }
  });
});

describe('PEM revocation lists', () => {
  it('are all read, in each form', async () => {
    const roots = [await Authority.create('one'), await Authority.create('two')];
    const lists = await Promise.all(roots.map((root) => root.revocationList('01')));
    for (const { name, write } of pemForms) {
      expect(readRevocationLists('crl', 'lists', write(lists)), name).to.deep.equal(lists);
    }
    expect(() =>
      readRevocationLists('crl', 'lists', roots.map((root) => root.certificate).join('\n')),
    ).to.throw('crl: expected lists; given PEM with only CERTIFICATE');
  });
});
