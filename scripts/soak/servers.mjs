// The kinds of server, as scenarios.mjs names them.
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { attach, createServer } from '../../dist/lib/index.js';
import { patternAt, writePattern } from './pattern.mjs';
import { signers } from './signers.mjs';

const deadline = 500; // ms, of the kinds whose handshakes must not be done in time
/**
 * ms; more than the load's patience. Node's 5 s are no more than a busy machine may let a process wait between an answer and the
 * next request. The server would then end a connection on which that request is under way: HTTP/1.1 leaves this race to the
 * client (RFC 9112, section 9.5), to whom it looks like a connection lost.
 */
const keepAliveTimeout = 120_000;

/** They count and share out turns, and refuse nobody: all clients have one address here, and all servers one key. */
const signatureLimits = { perSecond: Infinity, inFlight: Infinity, perAddress: false };

/**
 * Each is called with `{ cert, local }`, a certificate and the LocalKeySigner of its key, and returns a server with
 * 'secureConnection' and 'tlsClientError' that does not listen yet.
 */
export const kinds = {
  https: ({ cert, local }) =>
    attach(createHttpsServer({ keepAliveTimeout }, answer), { cert, signer: signers.local(local) }),
  http2: ({ cert, local }) =>
    attach(createSecureServer({ allowHTTP1: true }, answer), {
      cert,
      signer: signers.quick(local),
      signatureLimits,
      ALPNProtocols: ['h2', 'http/1.1'],
    }),
  stream: ({ cert, local }) =>
    createServer({ cert, signer: signers.quick(local), signatureLimits, allowHalfOpen: true }, takeOrder),
  'slow signer': ({ cert, local }) => createServer({ cert, signer: signers.slow(local), signatureLimits }),
  'wrong signature': ({ cert, local }) =>
    createServer({ cert, signer: signers.wrong(local), signatureLimits }),
  'signer error': ({ cert, local }) =>
    createServer({ cert, signer: signers.failing(local), signatureLimits }),
  'signer too late': ({ cert, local }) =>
    createServer({ cert, signer: signers.late(local), signatureLimits, handshakeTimeout: deadline }),
  impatient: ({ cert, local }) =>
    createServer({ cert, signer: signers.quick(local), signatureLimits, handshakeTimeout: deadline }),
};

/** As many bytes as the path says. */
function answer(request, response) {
  response.end(patternAt(0, Number(request.url.slice(1))));
}

/** The stream servers' protocol: one line of JSON, and then what it says. */
function takeOrder(socket) {
  let head = Buffer.alloc(0);
  socket.on('error', () => {}); // counted by the account
  const read = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    socket.off('data', read);
    socket.pause();
    const rest = head.subarray(end + 1);
    if (rest.length > 0) socket.unshift(rest);
    const order = JSON.parse(head.toString('latin1', 0, end));
    orders[order.do](socket, order);
  };
  socket.on('data', read);
}

const orders = {
  /** `bytes`, and the end. */
  send(socket, { bytes }) {
    socket.resume();
    void writePattern(socket, bytes).then(() => socket.end());
  },
  echo(socket) {
    socket.pipe(socket);
  },
  /** What came until the client's end, sent back after it. */
  'answer-at-end'(socket) {
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('end', () => void writePattern(socket, bytes).then(() => socket.end()));
    socket.resume();
  },
  /** `bytes`, and destroyed as soon as they are written. */
  destroy(socket, { bytes }) {
    socket.resume();
    void writePattern(socket, bytes).then(() => socket.write('', () => socket.destroy()));
  },
  reset(socket) {
    socket.resetAndDestroy();
  },
};
