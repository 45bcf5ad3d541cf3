// What clients do whose handshake fails, by their own doing or the server's. Each function is one connection; how it ended for
// the client is what it rejects with, or what it resolves to.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { between, closed } from './peer.mjs';

/** A real client that is refused. */
async function refused(peer, options) {
  const { socket } = await peer.startTls(options);
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'CLOSED' })));
  });
  // A TLS 1.3 client may believe that it is done before the server has refused it.
  socket.resume();
  await closed(socket);
  throw Object.assign(new Error('closed'), { code: 'CLOSED' });
}

export const wrongSignature = (peer) => refused(peer);
export const signerError = (peer) => refused(peer);
export const signerTooLate = (peer) => refused(peer);
export const noCommonProtocol = (peer) => refused(peer, { ALPNProtocols: ['gopher'] });
export const noCommonVersion = (peer) =>
  refused(peer, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });

/** Connects and says nothing until the server's deadline. */
export async function halfOpen(peer) {
  const tcp = await peer.tcp();
  tcp.resume();
  await closed(tcp);
  return 'CLOSED';
}

/** The beginning of a ClientHello, and then the end. */
export async function endsEarly(peer) {
  const tcp = await peer.tcp();
  tcp.resume();
  tcp.end(helloBeginning());
  await closed(tcp);
  return 'CLOSED';
}

export async function resetsEarly(peer) {
  const tcp = await peer.tcp();
  tcp.write(helloBeginning());
  await pause(between(0, 20));
  tcp.resetAndDestroy();
  return 'RESET';
}

/** Goes away while the server waits for its signer. */
export async function resetsDuringSignature(peer) {
  const { tcp } = await peer.startTls();
  await pause(between(20, 60));
  tcp.resetAndDestroy();
  return 'RESET';
}

/** A handshake record with a message that is none. */
export async function garbage(peer) {
  const tcp = await peer.tcp();
  tcp.resume();
  tcp.write(Buffer.concat([Buffer.from([22, 3, 1, 0, 64, 99, 0, 0, 60]), randomBytes(60)]));
  // The server is silent for 10 to 30 seconds, as s2n wants it; most peers do not wait for that.
  await Promise.race([once(tcp, 'close'), pause(between(0, 300))]);
  return 'LEFT';
}

/** No TLS at all. */
export async function notTls(peer) {
  const tcp = await peer.tcp();
  tcp.resume();
  tcp.write(Buffer.concat([Buffer.from([between(0, 19)]), randomBytes(between(1, 3000))]));
  await closed(tcp);
  return 'CLOSED';
}

/** HTTP on the port of HTTPS. */
export async function plaintextHttp(peer) {
  const tcp = await peer.tcp();
  let answer = '';
  tcp.on('data', (chunk) => (answer += chunk.toString('latin1')));
  tcp.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(tcp, 'end');
  return answer.startsWith('HTTP/1.1 400 ') ? '400' : 'NO_ANSWER';
}

function helloBeginning() {
  const hello = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, ...randomBytes(200)]);
  return hello.subarray(0, between(1, hello.length));
}
