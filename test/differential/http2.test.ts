import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { promisify } from 'node:util';
import { close, listen } from '../fixtures/peers.ts';
import { needs } from '../fixtures/needs.ts';
import { scenario } from './scenario.ts';
import { trusted } from './servers.ts';

/** The codes of the GOAWAY frames that a client received, in order. */
function goawaysOf(client: ClientHttp2Session): number[] {
  const codes: number[] = [];
  client.on('goaway', (code: number) => codes.push(code));
  return codes;
}

describe('The same as node:http2 over node:tls', () => {
  for (const [how, end, difference] of [
    ['session.destroy(CANCEL)', [], {}],
    [
      'session.close() and session.destroy(CANCEL) at once, as forceShutdown() of grpc-js',
      ['close'],
      {
        goaways: {
          nodeTls: [constants.NGHTTP2_NO_ERROR],
          s2nPkey: [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL],
          why: 'http2-writes-at-once',
        },
      },
    ],
  ] as const) {
    scenario(
      `a client receives GOAWAY after ${how}`,
      async (implementation) => {
        const server = implementation.createHttp2Server({});
        const sessions = once(server, 'session') as Promise<[Http2Session]>;
        const port = await listen(server);
        const client = connect(`https://localhost:${port}`, { ca: trusted });
        const goaways = goawaysOf(client);
        client.on('error', () => undefined);
        const closed = new Promise((resolve) => client.on('close', resolve));
        const stream = client.request();
        stream.on('error', () => undefined);
        const [session] = await sessions;
        session.on('error', () => undefined);
        session.on('stream', (answer: ServerHttp2Stream) => {
          answer.on('error', () => undefined);
          answer.respond();
        });
        await once(stream, 'response');
        if (end.length > 0) session.close();
        // As grpc-js does, though the types do not have it.
        (session as unknown as { destroy(code: number): void }).destroy(constants.NGHTTP2_CANCEL);
        await closed;
        await close(server);
        return { goaways };
      },
      difference,
    );
  }

  describe('curl', () => {
    needs('curl');

    scenario('receives an early answer to an upload, whose stream is closed', async (implementation) => {
      const server = implementation.createHttp2Server({});
      server.on('stream', (stream) => {
        stream.on('error', () => undefined);
        stream.respond({ ':status': 413 });
        stream.end('too large');
        stream.close(constants.NGHTTP2_NO_ERROR);
      });
      const port = await listen(server);
      const upload = promisify(execFile)('curl', [
        ...['--http2', '--silent', '--show-error', '--insecure', '--upload-file', '-'],
        ...['--write-out', ' %{http_code}', `https://127.0.0.1:${port}/`],
      ]);
      upload.child.stdin?.on('error', () => undefined); // curl stops reading
      upload.child.stdin?.end(Buffer.alloc(1_000_000));
      const { stdout } = await upload;
      await close(server);
      return { stdout };
    });
  });
});
