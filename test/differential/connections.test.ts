import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { readAll } from '../fixtures/peers.ts';
import { connection } from './connection.ts';
import { scenario } from './scenario.ts';

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Resolves to the name of the first of these events. */
function firstOf(emitter: NodeJS.EventEmitter, ...events: string[]): Promise<string> {
  return Promise.race(
    events.map((event) => new Promise<string>((resolve) => emitter.once(event, () => resolve(event)))),
  );
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`The same as node:tls, over ${maxVersion}`, () => {
    const data = randomBytes(3_000_000);

    for (const size of [0, 1, 16_384, 16_385, 3_000_000]) {
      scenario(`${size} bytes come back whole`, async (implementation) => {
        const { socket, client, log, over } = await connection(
          implementation,
          { allowHalfOpen: true },
          { maxVersion },
        );
        socket.pipe(socket);
        client.end(data.subarray(0, size));
        const echoed = await readAll(client);
        await over();
        const { bytesRead, bytesWritten } = socket;
        return { digest: sha256(echoed), bytesRead, bytesWritten, last: log.names.slice(-1) };
      });
    }

    scenario(
      'the server ends first: its end is seen, and what the client still sends arrives',
      async (implementation) => {
        const { socket, client, log, over } = await connection(
          implementation,
          { allowHalfOpen: true },
          { maxVersion, allowHalfOpen: true },
        );
        socket.end('the last from the server');
        const fromServer = (await readAll(client)).toString();
        client.end('an answer to the end');
        const fromClient = (await readAll(socket)).toString();
        await over();
        return { fromServer, fromClient, events: log.names };
      },
    );

    scenario('the client ends first, and is answered: allowHalfOpen', async (implementation) => {
      const { socket, client, log, over } = await connection(
        implementation,
        { allowHalfOpen: true },
        { maxVersion },
      );
      client.end('a question');
      const question = (await readAll(socket)).toString();
      const states = [socket.readable, socket.writable, socket.readyState, socket.destroyed];
      socket.end('an answer');
      const answer = (await readAll(client)).toString();
      await over();
      return { question, answer, states, events: log.names };
    });

    scenario(
      'the client ends first: without allowHalfOpen the server ends by itself',
      async (implementation) => {
        const { socket, client, log, errors, over } = await connection(implementation, {}, { maxVersion });
        socket.resume();
        client.end('bye');
        await over();
        const late = await new Promise<Error | null | undefined>((resolve) =>
          socket.write('too late', resolve),
        );
        return { events: log.names, errors, late: (late as NodeJS.ErrnoException).code };
      },
    );

    scenario('write after end is an error with a code', async (implementation) => {
      const { socket, client, over } = await connection(implementation, {}, { maxVersion });
      client.resume();
      socket.end('x');
      const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
      socket.write('y');
      const [{ code }] = await failed;
      await over();
      return { code };
    });

    scenario(
      'destroy(error): the error once, close once, and the peer sees an end',
      async (implementation) => {
        const { socket, client, log, errors, over } = await connection(implementation, {}, { maxVersion });
        client.resume();
        const ending = firstOf(client, 'end', 'error');
        socket.destroy(new Error('on purpose'));
        socket.destroy(new Error('again'));
        const seen = await ending;
        await over();
        return { events: log.names, errors, seen, destroyed: socket.destroyed };
      },
    );

    scenario('a paused server hears of the end of a client that wrote nothing', async (implementation) => {
      const options = { pauseOnConnect: true, allowHalfOpen: true };
      const { socket, client, log, over } = await connection(implementation, options, { maxVersion });
      const paused = socket.isPaused();
      const ended = once(socket, 'end');
      client.end();
      client.resume();
      await ended;
      socket.end();
      await over();
      return { paused, events: log.names };
    });

    scenario('a reset by the client is ECONNRESET, once', async (implementation) => {
      const { socket, client, tcp, log, errors, over } = await connection(implementation, {}, { maxVersion });
      client.write('the last');
      await once(socket, 'data');
      tcp.resetAndDestroy();
      await over();
      return { events: log.names, errors };
    });

    scenario('a reset while the server writes is told by an error, once', async (implementation) => {
      const { socket, client, tcp, errors, over } = await connection(implementation, {}, { maxVersion });
      client.pause();
      socket.resume();
      socket.write(Buffer.alloc(20_000_000));
      client.once('readable', () => tcp.resetAndDestroy());
      await over();
      return { count: errors.length, destroyed: socket.destroyed };
    });

    scenario('a FIN without close_notify is the end of the data', async (implementation) => {
      const { socket, client, tcp, log, errors, over } = await connection(implementation, {}, { maxVersion });
      client.write('the last');
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      tcp.end(); // without a word of TLS
      await over();
      return { text: chunk.toString(), events: log.names, errors };
    });

    scenario('pause() stops the data, resume() brings it, nothing is lost', async (implementation) => {
      const { socket, client, over } = await connection(
        implementation,
        { pauseOnConnect: true },
        { maxVersion },
      );
      client.end(data);
      const pausedAtFirst = socket.isPaused();
      const whole = readAll(socket);
      socket.resume();
      const digest = sha256(await whole);
      await over();
      return { pausedAtFirst, digest };
    });

    scenario(
      'a client that does not read: write() says false, then drain comes when it reads',
      async (implementation) => {
        const { socket, client, over } = await connection(implementation, {}, { maxVersion });
        client.pause();
        const more = socket.write(Buffer.alloc(30_000_000));
        const before = socket.writableNeedDrain;
        const drained = once(socket, 'drain');
        const received = readAll(client);
        client.resume();
        await drained;
        const after = [socket.writableLength, socket.writableNeedDrain];
        socket.end();
        const { length } = await received;
        await over();
        return { more, before, after, length };
      },
    );

    for (const size of [10, 20_000, 100_000, 200_000]) {
      scenario(
        `write(${size}): what it returns, its callback and drain come as they do there`,
        async (implementation) => {
          const { socket, over } = await connection(implementation, {}, { maxVersion });
          const order: string[] = [];
          socket.on('drain', () => order.push('drain'));
          const written = new Promise<void>((resolve) => {
            const more = socket.write(Buffer.alloc(size), () => {
              order.push('callback');
              resolve();
            });
            order.push(String(more), String(socket.writableLength), String(socket.writableNeedDrain));
          });
          process.nextTick(() => order.push('next tick'));
          await written;
          socket.end();
          await over();
          return { order };
        },
      );
    }

    scenario('setTimeout: the event comes, and the connection stays', async (implementation) => {
      const { socket, client, log, over } = await connection(implementation, {}, { maxVersion });
      socket.setTimeout(20);
      await once(socket, 'timeout');
      const { timeout, destroyed } = socket;
      socket.setTimeout(0);
      socket.end('still here');
      const text = (await readAll(client)).toString();
      await over();
      return { timeout, destroyed, text, events: log.names };
    });

    scenario('write callbacks come in order, and finished() resolves', async (implementation) => {
      const { socket, client, over } = await connection(implementation, {}, { maxVersion });
      const order: number[] = [];
      const text = readAll(client);
      for (let i = 0; i < 5; i++) socket.write(`${i}`, () => order.push(i));
      socket.end();
      socket.resume();
      await finished(socket);
      await over();
      return { order, text: (await text).toString() };
    });

    scenario('cork, encodings and setEncoding mean what they do', async (implementation) => {
      const { socket, client, over } = await connection(implementation, {}, { maxVersion });
      const text = readAll(client);
      socket.cork();
      socket.write('616263', 'hex');
      socket.write('ZGVm', 'base64');
      socket.uncork();
      socket.end('ü', 'latin1');
      socket.setEncoding('utf8');
      client.end('zwölf');
      const [received] = (await once(socket, 'data')) as [unknown];
      await over();
      return { text: (await text).toString('latin1'), received };
    });
  });
}
