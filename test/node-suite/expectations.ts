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

/** Tests that should pass and do not yet. */
export const failing: Readonly<Record<string, string>> = {
  'parallel/test-http2-alpn.js': "an http2 server's own ALPNCallback has no effect",
  'parallel/test-https-agent-create-connection.js':
    'a client that ends its half before the handshake is done is not answered',
  'parallel/test-https-agent-session-reuse.js':
    'it compares sessions byte by byte, and each handshake gives two tickets',
  'parallel/test-https-timeout-server.js':
    "the socket of 'clientError' lacks the internal `_secureEstablished`",
  'parallel/test-tls-cert-chains-in-ca.js': 'intermediate certificates in `ca` are not served',
  'parallel/test-tls-client-auth.js': "a client's alert is the error, where Node has ECONNRESET",
  'parallel/test-tls-cnnic-whitelist.js': 'a certificate in `ca` cannot be read',
  'parallel/test-tls-econnreset.js': "the message of a client's early end is not Node's, `socket hang up`",
  'parallel/test-tls-peer-certificate.js': 'a server-side getPeerCertificate lacks the issuer',
  'parallel/test-tls-sni-option.js':
    'a client whose name has no context is sent an alert, where Node closes without one',
  'parallel/test-tls-ticket-12.js': 'a resumed session of TLS 1.2 gets a new ticket',
};
