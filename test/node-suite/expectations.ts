// Of Node's own tests that `attach` can secure: those that do not pass, and why. All others must.

const policies = 's2n-tls takes whole security policies: it is refused by name';
const inOneNode = 'it compares with what OpenSSL says of a key that this package refuses by name';

/** Tests of what s2n-tls lacks, or what this package refuses on purpose. */
export const lacking: Readonly<Record<string, string>> = {
  'parallel/test-https-agent-additional-options.js': `ciphers: ${policies}`,
  'parallel/test-https-agent-session-eviction.js': `secureOptions: ${policies}`,
  'parallel/test-https-agent-session-injection.js': `secureProtocol: ${policies}`,
  'parallel/test-https-options-boolean-check.js': inOneNode,
  'parallel/test-tls-alpn-server-client.js': 'it fails with node:tls on later releases of Node 20, too',
  'parallel/test-tls-async-cb-after-socket-end.js': `secureOptions: ${policies}`,
  'parallel/test-tls-basic-validations.js': inOneNode,
  'parallel/test-tls-cli-max-version-1.2.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-cli-max-version-1.3.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-cli-min-version-1.0.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-cli-min-version-1.1.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-cli-min-version-1.2.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-cli-min-version-1.3.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-client-getephemeralkeyinfo.js': `ciphers: ${policies}`,
  'parallel/test-tls-client-mindhsize.js': `ciphers and dhparam: ${policies}`,
  'parallel/test-tls-connect-stream-writes.js': `ciphers: ${policies}`,
  'parallel/test-tls-disable-renegotiation.js': 's2n-tls never renegotiates, so there is nothing to disable',
  'parallel/test-tls-enable-trace.js': 'enableTrace: s2n-tls has no trace of messages',
  'parallel/test-tls-finished.js': 'getFinished: s2n-tls does not expose the Finished messages',
  'parallel/test-tls-getcipher.js': `ciphers: ${policies}`,
  'parallel/test-tls-getprotocol.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-honorcipherorder.js': 'honorCipherOrder: s2n-tls always goes by the server',
  'parallel/test-tls-max-send-fragment.js': 'setMaxSendFragment: s2n-tls sizes records by itself',
  'parallel/test-tls-min-max-version.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-options-boolean-check.js': inOneNode,
  'parallel/test-tls-reduced-SECLEVEL-in-cipher.js': 'its RSA key has 512 bits',
  'parallel/test-tls-secure-session.js': `secureProtocol: ${policies}`,
  'parallel/test-tls-server-setkeycert.js': 'setKeyCert: a connection has the identities of its server',
  'parallel/test-tls-set-ciphers.js': `ciphers: ${policies}`,
  'parallel/test-tls-set-sigalgs.js': `sigalgs: ${policies}`,
  'parallel/test-tls-write-error.js': `ciphers: ${policies}`,
};

/** What docs/differences.md says is different, and what it changes in a test. */
export interface Difference {
  /** A passage of docs/differences.md. */
  readonly documented: string;
  /** Each text of the test, and what stands there instead: with that it passes. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

const newTickets = 'A resumed handshake of TLS 1.3 gives two new tickets';

/** Tests that expect what is different on purpose, or for what s2n-tls lacks: they pass once that is changed in them. */
export const differing: Readonly<Record<string, Difference>> = {
  'parallel/test-https-agent-create-connection.js': {
    documented: 'A server gives up a client that ends its half of the TCP connection in the handshake',
    changes: [
      [
        "socket.on('connect', common.mustCall((data) => {\n      socket.end();",
        "socket.on('secureConnect', common.mustCall((data) => {\n      socket.end();",
      ],
    ],
  },
  'parallel/test-https-agent-session-reuse.js': {
    documented: newTickets,
    changes: [['assert.strictEqual(clientSessions', 'assert.notStrictEqual(clientSessions']],
  },
  'parallel/test-tls-client-auth.js': {
    documented: "A server that refuses a client's certificate fails the handshake",
    changes: [
      [
        "assert.strictEqual(err.code, 'ECONNRESET')",
        'assert.match(err.code, /^UNABLE_TO_|_ALERT_UNKNOWN_CA$/)',
      ],
    ],
  },
  'parallel/test-tls-cnnic-whitelist.js': {
    documented: '`cert`, `ca` and `crl` with a private key in them are refused',
    changes: [["ca: loadPEM('ca3-key'),", '']],
  },
  'parallel/test-tls-over-http-tunnel.js': {
    documented: "A server's last data and its end may arrive in two packets",
    changes: [
      [
        "serverSocket.on('end', common.mustCall(() => {\n        clientSocket.destroy();\n      }));",
        "serverSocket.on('end', () => clientSocket.destroy());",
      ],
    ],
  },
  'parallel/test-tls-ticket.js': {
    documented: newTickets,
    changes: [
      ['onNewSession(s, session));', 's.isSessionReused() || onNewSession(s, session));'],
      [
        "s.once('session', () => ticketLog.push(",
        "s.once('session', () => s.isSessionReused() || ticketLog.push(",
      ],
    ],
  },
  'parallel/test-tls-ticket-cluster.js': {
    documented: newTickets,
    changes: [['assert(!lastSession);', '']],
  },
};

/** Tests that should pass and do not yet. */
export const failing: Readonly<Record<string, string>> = {};
