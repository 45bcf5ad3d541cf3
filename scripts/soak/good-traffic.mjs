// What clients do that speak TLS rightly. Each function is one connection; it resolves when all went as it must, and rejects
// with what went wrong.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { between, closed, host, readTo } from './peer.mjs';
import { PatternCheck, writePattern } from './pattern.mjs';

/** Tells the stream server what to do with this connection. */
function ask(socket, order) {
  socket.write(`${JSON.stringify(order)}\n`);
}

/** Requests on one kept connection, one after the other. */
export async function requests(peer) {
  const socket = await peer.tls();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  try {
    for (let left = between(1, 20); left > 0; left--) {
      const bytes = between(0, 20_000);
      const call = request({ agent, path: `/${bytes}`, host, port: peer.port });
      const answered = once(call, 'response');
      call.end();
      const [response] = await answered;
      const check = new PatternCheck();
      await readTo(response, (chunk) => check.take(chunk));
      check.expectLength(bytes);
    }
  } finally {
    agent.destroy();
  }
  socket.destroy();
}

/** Several streams of one HTTP/2 session at once. */
export async function http2Streams(peer) {
  const socket = await peer.tls({ ALPNProtocols: ['h2'] });
  const session = connectHttp2('https://localhost', { createConnection: () => socket });
  const failed = new Promise((_, reject) => session.once('error', reject));
  failed.catch(() => {});
  const streams = Array.from({ length: between(1, 8) }, async () => {
    const bytes = between(0, 50_000);
    const check = new PatternCheck();
    await readTo(session.request({ ':path': `/${bytes}` }), (chunk) => check.take(chunk));
    check.expectLength(bytes);
  });
  await Promise.race([Promise.all(streams), failed]);
  const gone = once(session, 'close');
  session.close();
  await gone;
}

/** Some megabytes from the server. */
export async function bulk(peer) {
  const socket = await peer.tls();
  const bytes = between(1, 6_000_000);
  const check = new PatternCheck();
  const over = readTo(socket, (chunk) => check.take(chunk));
  ask(socket, { do: 'send', bytes });
  await over;
  check.expectLength(bytes);
}

/** Both directions at once. */
export async function echo(peer) {
  const socket = await peer.tls();
  const bytes = between(0, 2_000_000);
  const check = new PatternCheck();
  const over = readTo(socket, (chunk) => check.take(chunk));
  ask(socket, { do: 'echo' });
  await writePattern(socket, bytes);
  socket.end();
  await over;
  check.expectLength(bytes);
}

/** The client ends its half first; the server answers then. */
export async function halfClose(peer) {
  const socket = await peer.tls();
  const bytes = between(0, 300_000);
  const check = new PatternCheck();
  const over = readTo(socket, (chunk) => check.take(chunk));
  ask(socket, { do: 'answer-at-end' });
  await writePattern(socket, bytes);
  socket.end();
  await over;
  check.expectLength(bytes);
}

/** The server destroys its socket when it has written: all of it must arrive all the same. */
export async function serverDestroys(peer) {
  const socket = await peer.tls();
  const bytes = between(1, 200_000);
  const check = new PatternCheck();
  const over = readTo(socket, (chunk) => check.take(chunk));
  ask(socket, { do: 'destroy', bytes });
  await over;
  check.expectLength(bytes);
}

export async function serverResets(peer) {
  const socket = await peer.tls();
  socket.resume();
  ask(socket, { do: 'reset' });
  await closed(socket);
}

/** The client goes away in the middle of a transfer. */
export async function clientDestroys(peer) {
  const socket = await peer.tls();
  ask(socket, { do: 'send', bytes: 4_000_000 });
  await once(socket, 'data');
  socket.destroy();
}

export async function clientResets(peer) {
  const { socket, tcp } = await peer.startTls();
  await once(socket, 'secureConnect');
  ask(socket, { do: 'send', bytes: 4_000_000 });
  await once(socket, 'data');
  tcp.resetAndDestroy();
}

/** An open connection without traffic: longer than the engine keeps record buffers. */
export async function idle(peer) {
  const socket = await peer.tls();
  ask(socket, { do: 'echo' });
  await pause(1300);
  const check = new PatternCheck();
  const over = readTo(socket, (chunk) => check.take(chunk));
  await writePattern(socket, 1000);
  socket.end();
  await over;
  check.expectLength(1000);
}

/** A record that does not decrypt, on an open connection. */
export async function brokenRecord(peer) {
  const { socket, tcp } = await peer.startTls();
  await once(socket, 'secureConnect');
  ask(socket, { do: 'echo' });
  // An answer says that the handshake is over on the server too: what comes before may end the handshake.
  await writePattern(socket, 1);
  await once(socket, 'data');
  tcp.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 'x')]));
  await pause(200); // The server is silent for 10 to 30 seconds, as s2n wants it.
}
