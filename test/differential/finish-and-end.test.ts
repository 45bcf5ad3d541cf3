/** Which of `'finish'` and `'end'` comes first where one side answers what the other has ended with. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { close, listen } from '../fixtures/peers.ts';
import { Recorder } from './recorder.ts';
import { scenario } from './scenario.ts';

const much = Buffer.alloc(1_000_000, 'much ');

/** Holds the event loop while what came with the data is made ready to be read: by an engine's thread. */
function endArrives(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}

/** What the server does when the client's question comes, behind which the client has ended. */
const acts: Record<string, (socket: Socket) => void> = {
  "end() with an answer at 'data'": (socket) =>
    void socket.once('data', () => {
      endArrives();
      socket.end('an answer');
    }),
  "end() with a megabyte at 'data'": (socket) =>
    void socket.once('data', () => {
      endArrives();
      socket.end(much);
    }),
  "write() and end() at 'data'": (socket) =>
    void socket.once('data', () => {
      endArrives();
      socket.write('an ');
      socket.end('answer');
    }),
  "end() at 'end'": (socket) => {
    socket.resume().once('end', () => {
      socket.end('an answer');
    });
  },
  "end() of a megabyte at 'end'": (socket) => {
    socket.resume().once('end', () => {
      socket.end(much);
    });
  },
  nothing: (socket) => void socket.resume(),
};

describe("'finish' and 'end', in the same order as with node:tls", () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const allowHalfOpen of [false, true]) {
      for (const [name, act] of Object.entries(acts)) {
        if (allowHalfOpen && name === 'nothing') continue; // it stays open
        scenario(`${maxVersion}, ${allowHalfOpen ? 'half-open, ' : ''}${name}`, async (implementation) => {
          const log = new Recorder();
          const server = implementation.createServer({ allowHalfOpen }, (socket) => {
            log.watch(socket, 'socket');
            act(socket);
          });
          const port = await listen(server);
          const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
          const [end, ours] = memoryConnection();
          ours.pipe(tcp).pipe(ours);
          const client = connect({ socket: end, rejectUnauthorized: false, maxVersion });
          await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')]);
          // The question and the end in one piece.
          tcp.cork();
          client.resume().end('a question');
          await once(client, 'finish');
          await new Promise(setImmediate);
          tcp.uncork();
          await log.until();
          tcp.destroy();
          await close(server);
          return { events: log.events };
        });
      }
    }
  }
});
