import type { CodeTable } from './row.ts';

/** Failures of one connection. Other connections go on. */
export const connectionCodes = {
  ERR_S2N_PKEY_PEER_ALERT: [
    'TlsConnectionError',
    'The peer sent a fatal alert. `alert` is its number, and the message has its name.',
    'Look the alert up: `unknown_ca` and `bad_certificate` mean that the peer does not trust your certificate, so check the chain you serve.',
  ],
  ERR_S2N_PKEY_PROTOCOL: [
    'TlsConnectionError',
    'The peer violated the TLS protocol, or both sides share no version, cipher suite, group or ALPN protocol.',
    'Read `reason`. If legitimate clients fail, choose another `securityPolicy` or add the protocol to `ALPNProtocols`.',
  ],
  ERR_S2N_PKEY_NOT_TLS: [
    'TlsConnectionError',
    'The first bytes were not TLS: plain HTTP, a port scan, a health check of a load balancer.',
    'Ignore single ones. If your own clients cause them, use `https://`, or let the load balancer pass TCP through.',
  ],
  ERR_S2N_PKEY_SERVER_DRAINED: [
    'S2nPkeyError',
    'The handshake was not done when the `within` of `drain` was over.',
    'Nothing: the server is being shut down. If clients are slow to connect, give `within` more time.',
  ],
  ERR_S2N_PKEY_HEALTH_TIMEOUT: [
    'SignerError',
    'A signer did not answer a probe of `health` within 10 seconds. The report has the code.',
    'Look at the signer as for a handshake that times out.',
  ],
  ERR_S2N_PKEY_PROXY_PROTOCOL: [
    'TlsConnectionError',
    'The server has `proxyProtocol`, and the connection did not begin with an acceptable PROXY protocol header. `reason` says why: `PROXY_PROTOCOL_MISSING`, `…_NOT_ALLOWED` (not from a network in `from`), `…_MALFORMED`, `…_TOO_LONG`, `…_CHECKSUM`, `…_INCOMPLETE` (closed within the header), `…_TIMEOUT` (not complete 5 s after its first byte).',
    'If the connection is from your load balancer, turn the PROXY protocol on there, and list its networks in `proxyProtocol.from`. Ignore single ones from elsewhere.',
  ],
  ERR_S2N_PKEY_SIGNATURE_INVALID: [
    'TlsConnectionError, SignerError',
    'A signature does not verify against the certificate. It was not sent.',
    'Check that the signer signs the digest as given and returns DER for ECDSA. `signerConformance` names the mistake.',
  ],
  ERR_S2N_PKEY_SIGNER: [
    'SignerError',
    'The signer threw, rejected, or did not return bytes. `cause` is what it threw.',
    'Read `cause`. A signer of your own rejects with a `SignerError` that has a code of its own.',
  ],
  ERR_S2N_PKEY_SIGN_ABORTED: [
    'SignerError',
    'The client left, or the handshake timed out, before the signature was ready.',
    'Nothing, unless the count rises: then the signer is slower than your clients wait.',
  ],
  ERR_S2N_PKEY_SIGNER_CLOSED: [
    'SignerError',
    'A signature was requested after `signer.close()`.',
    'Close the server before its signer.',
  ],
  ERR_S2N_PKEY_SIGNATURES_LIMITED: [
    'SignaturesLimitedError',
    'A limit of `signatureLimits` was reached. `limit` names the option, `addressPrefix` the network of the client.',
    'See whether it is an attack or growth. For growth, raise the limit and the quota of KMS together.',
  ],
  ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN: [
    'CircuitOpenError',
    'KMS was not asked, because an earlier request failed in a way that does not pass by itself. `cause` is that failure, `retryAfter` the milliseconds until the next attempt.',
    'Fix `cause`. The signer recovers by itself afterwards.',
  ],
  ERR_S2N_PKEY_OPERATION_INVALID: [
    'SignerError',
    'A signer was asked for a scheme or an input that it cannot sign.',
    'Give the signer only the schemes that its key supports. With Google Cloud KMS, use an EC key.',
  ],
  ERR_S2N_PKEY_PEER_KEY: [
    'TlsConnectionError',
    'The certificate of the peer has an Ed25519 key, or another key that s2n-tls cannot verify.',
    'Have the peer use an RSA or ECDSA certificate.',
  ],
  ERR_S2N_PKEY_CALLBACK: [
    'S2nPkeyError',
    '`SNICallback` or `ALPNCallback` threw a value that is not an `Error`. `cause` is that value.',
    'Throw an `Error`, or pass one to the callback.',
  ],
  ERR_S2N_PKEY_RESOURCES: [
    'TlsConnectionError, S2nPkeyError',
    'File descriptors or memory ran out. The message says which.',
    'Raise `ulimit -n` or the memory limit, or serve fewer connections for each process.',
  ],
  ERR_S2N_PKEY_ENGINE_BUSY: [
    'S2nPkeyError',
    '`exportKeyingMaterial()` got no answer from the engine thread within a second.',
    'Try again. If it repeats, the machine is overloaded.',
  ],
  ERR_S2N_PKEY_UNSUPPORTED: [
    'S2nPkeyError',
    'The code called a method, or listened for an event, that s2n-tls cannot serve.',
    'Use the alternative that the message names.',
  ],
  ERR_S2N_PKEY_INTERNAL: [
    'TlsConnectionError',
    's2n-tls or this package failed in an unexpected way.',
    'Report it, with `reason` and the message.',
  ],
} as const satisfies CodeTable;
