import type { Socket } from 'node:net';
import { expect } from 'chai';
import { failureOfConnection } from '../../../../lib/signers/kms/signing/retry.ts';
import { Transport, type HttpResponse } from '../../../../lib/signers/kms/signing/transport.ts';
import { rejectionOf } from '../../rejection.ts';
import { rawServer, send } from './misbehaving-services.ts';

describe('The transport to KMS reads', () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });
  async function asked(onConnection: (socket: Socket) => void): Promise<HttpResponse> {
    const { port, close } = await rawServer(onConnection);
    const transport = new Transport({ secure: false, hostname: '127.0.0.1', port });
    closing.push(close, () => transport.close());
    return await send(transport).response;
  }

  const body = '{"Ä":1}';
  const length = Buffer.byteLength(body);
  const start =
    'HTTP/1.1 400 Bad Request\r\nX-Amzn-RequestId: 1234\r\nDate: Fri, 02 Jan 2026 00:00:00 GMT\r\n';
  for (const [what, response] of [
    ['a body with a length', `${start}Content-Length: ${length}\r\n\r\n${body}`],
    ['a body in chunks', `${start}Transfer-Encoding: chunked\r\n\r\n4;x=y\r\n{"Ä\r\n4\r\n":1}\r\n0\r\n\r\n`],
    ['a body that ends with the connection', `${start}Connection: close\r\n\r\n${body}`],
    [
      'an informational response before it',
      `HTTP/1.1 103 Early Hints\r\n\r\n${start}Content-Length: ${length}\r\n\r\n${body}`,
    ],
  ] as const) {
    it(`${what}, that comes byte by byte`, async () => {
      const read = asked((socket) => {
        socket.setNoDelay(true).once('data', () => {
          const bytes = [...Buffer.from(response)];
          const next = (): void => {
            const byte = bytes.shift();
            if (byte !== undefined) socket.write(Buffer.of(byte), () => setImmediate(next));
            else if (response.includes('close')) socket.end();
          };
          next();
        });
      });
      expect(await read).to.deep.equal({
        status: 400,
        body,
        requestId: '1234',
        date: Date.UTC(2026, 0, 2),
      });
    });
  }

  for (const [what, response, kind] of [
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'unknown'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}', 'unknown'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n', 'unknown'],
    ['a header without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, 'unknown'],
    [
      'a body of 100,000 bytes',
      `HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n${'x'.repeat(100_000)}`,
      'unknown',
    ],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n', 'unknown'],
    ['half of a body', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{', 'transient'],
    ['nothing', '', 'transient'],
  ] as const) {
    it(`no response of ${what}: the failure is ${kind}`, async () => {
      const read = asked((socket) => void socket.once('data', () => socket.end(response)));
      const error = (await rejectionOf(read)) as Error;
      expect(failureOfConnection(error).kind, String(error)).to.equal(kind);
    });
  }
});
