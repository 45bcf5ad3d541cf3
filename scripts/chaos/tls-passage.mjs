// TLS in front of the local KMS, by a server that cannot resume the sessions it gives: whoever offers one is broken off.
import { execFileSync } from 'node:child_process';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';

export class TlsPassage {
  #server;
  #sockets = new Set();
  /** Connections whose handshake completed. */
  opened = 0;
  /** Sessions that were offered, and refused. */
  refused = 0;

  /** @param endpoint of the KMS; it may be away at times. */
  static async start(endpoint, folder) {
    const passage = new TlsPassage();
    passage.authorityFile = join(folder, 'kms-cert.pem');
    const keyFile = join(folder, 'kms-key.pem');
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
    execFileSync(
      'openssl',
      ['req', '-x509', ...key, '-out', passage.authorityFile, '-days', '2', ...subject],
      {
        stdio: 'pipe',
      },
    );
    await passage.#listen(new URL(endpoint), readFileSync(keyFile), readFileSync(passage.authorityFile));
    return passage;
  }

  get endpoint() {
    return `https://127.0.0.1:${this.#server.address().port}`;
  }

  async #listen({ port, hostname }, key, cert) {
    // By session ids, so that the server is asked for a session and can break off.
    const settings = { key, cert, maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET };
    this.#server = createServer(settings, (client) => {
      this.opened++;
      const kms = connect(Number(port), hostname);
      client.pipe(kms).pipe(client);
      for (const [socket, other] of [
        [client, kms],
        [kms, client],
      ]) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
    const given = new Set();
    this.#server
      .on('newSession', (id, _session, done) => {
        given.add(id.toString('hex'));
        done();
      })
      .on('resumeSession', (id, done) => {
        if (!given.has(id.toString('hex'))) return done(null, null);
        this.refused++;
        done(new Error('this session cannot be resumed'));
      })
      .on('tlsClientError', () => {});
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
