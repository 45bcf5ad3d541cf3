// Loads the installed package as a CommonJS server does, completes a handshake whose signature crosses JavaScript, and says so
// in one line. Started by scripts/package/check-package.mjs, in a folder where the package is installed, under several releases of Node:
//   node handshake.cjs KEY.pem CERT.pem
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const tls = require('node:tls');
const s2nPkey = require('s2n-pkey');

async function main([keyFile, certFile]) {
  const imported = await import('s2n-pkey');
  assert.equal(imported.createServer, s2nPkey.createServer, 'require and import must give one instance');

  const cert = readFileSync(certFile, 'utf8');
  const local = new s2nPkey.LocalKeySigner({ key: readFileSync(keyFile, 'utf8') });
  let signatures = 0;
  const signer = {
    publicKey: local.publicKey,
    schemes: local.schemes,
    sign(operation) {
      signatures += 1;
      return local.sign(operation);
    },
  };
  const server = s2nPkey.createServer({ cert, signer }, (socket) => socket.end('hello\n'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = tls.connect({
    host: '127.0.0.1',
    port: server.address().port,
    ca: cert,
    servername: 'localhost',
  });
  await once(client, 'secureConnect');
  assert.equal(client.authorized, true);
  const negotiated = `${client.getProtocol()}, ${client.getCipher().standardName}`;
  let received = '';
  client.setEncoding('utf8').on('data', (text) => (received += text));
  await once(client, 'end');
  assert.equal(received, 'hello\n');
  assert.equal(signatures, 1);
  client.end();
  await once(server.close(), 'close');
  const { node, openssl } = process.versions;
  console.log(`a handshake under Node ${node} (OpenSSL ${openssl}): ${negotiated}`);
}

void main(process.argv.slice(2));
