// A client's end of one connection of a scenario.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';

/** Where the servers listen: not where everybody else's do, so that no other program's connection is taken for one of the load's. */
export const host = '127.83.79.75';

/**
 * What a scenario is given: where to connect, and an account to keep. All it opened is destroyed at its end, so that nothing
 * of one scenario is left to the next.
 */
export class Peer {
  #begun;
  #sockets = [];

  /** `begun` is called once a TCP connection. */
  constructor(port, begun) {
    this.port = port;
    this.#begun = begun;
  }

  /** A TCP connection that the server's kernel has taken. */
  async tcp(options = {}) {
    const socket = connectTcp({ port: this.port, host, noDelay: true, ...options });
    this.#sockets.push(socket);
    await once(socket, 'connect');
    this.#begun();
    socket.on('error', () => {}); // Whoever waits on the socket is told; nobody else needs to be.
    return socket;
  }

  /** A TLS connection whose handshake is done. @throws what made it fail */
  async tls(options = {}) {
    const { socket } = await this.startTls(options);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** A TLS connection whose handshake has begun, and the TCP connection under it. */
  async startTls(options = {}) {
    const tcp = await this.tcp();
    const maxVersion = Math.random() < 0.3 ? 'TLSv1.2' : 'TLSv1.3';
    const socket = connectTls({
      socket: tcp,
      servername: 'localhost',
      rejectUnauthorized: false,
      maxVersion,
      ...options,
    });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    return { socket, tcp };
  }

  end() {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Waits until a socket is closed. @throws its error, if it had one */
export async function closed(socket) {
  if (socket.errored) throw socket.errored;
  if (socket.closed) return;
  let failure;
  socket.on('error', (error) => (failure = error));
  await new Promise((resolve) => socket.once('close', resolve));
  if (failure) throw failure;
}

/** Hands everything a stream gives until its end to `take`. @throws the stream's error, or `take`'s */
export function readTo(stream, take) {
  const over = new Promise((resolve, reject) => {
    stream.on('data', (chunk) => {
      try {
        take(chunk);
      } catch (error) {
        stream.destroy();
        reject(error);
      }
    });
    stream.once('end', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(Object.assign(new Error('closed early'), { code: 'NO_END' })));
  });
  over.catch(() => {}); // It may fail before anybody waits for it.
  return over;
}

export function between(lowest, highest) {
  return lowest + Math.floor(Math.random() * (highest - lowest + 1));
}
