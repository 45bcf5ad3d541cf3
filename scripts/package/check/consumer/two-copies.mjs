// Serves with two versions of the package at once, and says which addons are loaded.
//   node two-copies.mjs KEY.pem CERT.pem
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';

const [keyFile, certFile] = process.argv.slice(2);
const key = readFileSync(keyFile, 'utf8');
const cert = readFileSync(certFile, 'utf8');
const copies = [await import('copy-0'), await import('copy-1')];
assert.notEqual(copies[0].createServer, copies[1].createServer);

const servers = copies.map(({ createServer, LocalKeySigner }, at) =>
  createServer({ cert, signer: new LocalKeySigner({ key }) }, (socket) => socket.end(`copy ${at}`)),
);
for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
const answers = await Promise.all(
  servers.map(async (server) => {
    const { port } = server.address();
    const client = connect({ host: '127.0.0.1', port, ca: cert, servername: 'localhost' });
    let text = '';
    client.setEncoding('utf8').on('data', (part) => (text += part));
    await once(client, 'end');
    client.end();
    return text;
  }),
);
assert.deepEqual(answers, ['copy 0', 'copy 1']);
for (const server of servers) await once(server.close(), 'close');
const maps = readFileSync('/proc/self/maps', 'utf8');
const loaded = new Set(maps.match(/\S+\/s2n_pkey\.node$/gm));
assert.equal(loaded.size, 2, `two addons are loaded, and not ${[...loaded].join(', ')}`);
console.log('both serve, each with an addon of its own');
