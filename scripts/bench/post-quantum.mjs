// `npm run bench:quantum [-- handshakes]`: what ML-DSA costs a server beside P-256. Prints the CPU time of the server's process for a
// full TLS 1.3 handshake with X25519MLKEM768 and a LocalKeySigner, the bytes of its first flight, and the round trips until the client
// has them, where TCP's first window is ten segments of 1,460 bytes. Needs a Node with OpenSSL 3.5, such as Node 24.
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { cpus } from 'node:os';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { inCheckout } from '../checkout.mjs';

const firstWindow = 10 * 1460;
const kinds = ['P-256', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];

/** The client's process: shakes hands one after the other, and sends the bytes that it read in the first. */
async function shakeHands(port, count) {
  let bytes = 0;
  for (let at = 0; at < count; at++) {
    const tcp = connectTcp(port, '127.0.0.1');
    await once(tcp, 'connect');
    const client = connect({ socket: tcp, rejectUnauthorized: false });
    await once(client, 'secureConnect');
    bytes ||= tcp.bytesRead;
    client.destroy();
  }
  process.send(bytes);
  process.disconnect();
}

async function pemOf(kind) {
  if (kind === 'P-256') {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return privateKey.export({ format: 'pem', type: 'pkcs8' });
  }
  const { addon } = await import(inCheckout('dist', 'lib', 'native', 'addon.js'));
  const code = { 'ML-DSA-44': 0x0904, 'ML-DSA-65': 0x0905, 'ML-DSA-87': 0x0906 }[kind];
  const base64 = Buffer.from(addon().LocalKey.generateMlDsa(code)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}

async function measure(kind, count) {
  const { createSelfSignedCertificate, createServer, LocalKeySigner } = await import(
    inCheckout('dist', 'lib', 'index.js')
  );
  const signer = new LocalKeySigner({ key: await pemOf(kind) });
  const cert = await createSelfSignedCertificate({ signer, subject: 'CN=localhost' });
  const options = { cert, signer, securityPolicy: 'default_pq', sessionTickets: false };
  const server = createServer(options, (socket) => socket.on('error', () => undefined).resume());
  server.on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const before = process.cpuUsage();
  const client = fork(fileURLToPath(import.meta.url), [
    'client',
    String(server.address().port),
    String(count),
  ]);
  const [bytes] = await once(client, 'message');
  const { user, system } = process.cpuUsage(before);
  await new Promise((resolve) => server.close(resolve));
  return { bytes, microseconds: Math.round((user + system) / count) };
}

const [role, port, count] = process.argv.slice(2);
if (role === 'client') {
  await shakeHands(Number(port), Number(count));
} else {
  const handshakes = Number(role ?? 500);
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? ''}, ${handshakes} handshakes each\n`);
  console.log('| key       | CPU of the server | first flight | round trips |');
  console.log('| --------- | ----------------- | ------------ | ----------- |');
  for (const kind of kinds) {
    const { bytes, microseconds } = await measure(kind, handshakes);
    const trips = bytes > firstWindow ? 2 : 1;
    console.log(
      `| ${kind.padEnd(9)} | ${`${microseconds} µs`.padEnd(17)} | ${`${bytes} B`.padEnd(12)} | ${String(trips).padEnd(11)} |`,
    );
  }
}
