import { expect } from 'chai';
import {
  AnswerReader,
  UnknownAnswerError,
  type HttpAnswer,
} from '../../../../lib/signers/kms/signing/http-answer.ts';

function read(text: string): HttpAnswer | undefined {
  return new AnswerReader().push(Buffer.from(text, 'latin1'));
}

const plain =
  'HTTP/1.1 400 Bad Request\r\nX-Amzn-RequestId: 1234\r\nDate: Fri, 02 Jan 2026 00:00:00 GMT\r\n' +
  'Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n{}';
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n2;x=y\r\n"}\r\n0\r\n\r\n';

describe('An HTTP answer of KMS', () => {
  it('is read with what matters of its headers', () => {
    expect(read(plain)).to.deep.equal({
      status: 400,
      body: '{}',
      requestId: '1234',
      date: Date.UTC(2026, 0, 2),
      reusable: true,
      idleLimit: 5_000,
    });
  });

  for (const [what, text, body] of [
    ['with a length', plain, '{}'],
    ['in chunks', chunked, '{"}'],
  ] as const) {
    it(`${what} is read wherever it is cut, and so is the next one`, () => {
      for (let cut = 1; cut < text.length; cut += 1) {
        const reader = new AnswerReader();
        for (let answers = 0; answers < 2; answers += 1) {
          expect(reader.push(Buffer.from(text.slice(0, cut)))).to.equal(undefined);
          expect(reader.begun).to.equal(true);
          expect(reader.push(Buffer.from(text.slice(cut)))).to.include({ body });
          expect(reader.begun).to.equal(false);
        }
      }
    });
  }

  for (const [what, head, reusable] of [
    ['HTTP/1.1', 'HTTP/1.1 200 OK', true],
    ['HTTP/1.1 that closes', 'HTTP/1.1 200 OK\r\nConnection: close', false],
    ['HTTP/1.0', 'HTTP/1.0 200 OK', false],
    ['HTTP/1.0 that stays', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive', true],
  ] as const) {
    it(`of ${what} says whether another may follow`, () => {
      expect(read(`${head}\r\ncontent-length: 0\r\n\r\n`)).to.include({ reusable });
    });
  }

  for (const [what, text] of [
    ['of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['without a length', 'HTTP/1.1 200 OK\r\n\r\n{}'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}'],
    [
      'with length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n{}',
    ],
    ['that is longer than it says', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}'],
    ['that is too long', 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n'],
    ['whose head is too long', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`],
    ['that is compressed', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\n{'],
    ['that is none yet', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['with a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n'],
    ['with a chunk longer than it says', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{}}\r\n'],
    ['with a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
  ] as const) {
    it(`${what} is refused`, () => {
      expect(() => read(text)).to.throw(UnknownAnswerError);
    });
  }
});
