// The mix of the traffic. A third of the handshakes fail in some way. Every scenario has a server (a port) of its own in the
// server's process, so that each side's account is of that scenario alone.
import * as failing from './failing-handshakes.mjs';
import * as good from './good-traffic.mjs';

const TIMEOUT = ['ERR_TLS_HANDSHAKE_TIMEOUT'];
const RESET = ['ECONNRESET'];
const none = [];

/**
 * `weight`: how often, relative to the others. `serve`: the kind of server, in servers.mjs. `failures`: the codes of
 * 'tlsClientError' that its handshakes must end with; empty: the handshake must be completed. `errors`: the codes that a
 * completed connection's socket may fail with on the server. `outcomes`: what the client may see; 'completed' when all went
 * as it must. Absent: any error at all, since it depends on how far the client was.
 */
export const scenarios = [
  { name: 'requests', weight: 14, serve: 'https', run: good.requests },
  { name: 'http2', weight: 6, serve: 'http2', run: good.http2Streams },
  { name: 'bulk', weight: 4, serve: 'stream', run: good.bulk },
  { name: 'echo', weight: 6, serve: 'stream', run: good.echo },
  { name: 'half-close', weight: 8, serve: 'stream', run: good.halfClose },
  { name: 'server destroys', weight: 8, serve: 'stream', run: good.serverDestroys },
  { name: 'server resets', weight: 5, serve: 'stream', run: good.serverResets, outcomes: RESET },
  {
    name: 'client destroys',
    weight: 5,
    serve: 'stream',
    run: good.clientDestroys,
    errors: ['ECONNRESET', 'EPIPE'],
  },
  {
    name: 'client resets',
    weight: 5,
    serve: 'stream',
    run: good.clientResets,
    errors: ['ECONNRESET', 'EPIPE'],
  },
  { name: 'idle', weight: 3, serve: 'stream', run: good.idle },
  {
    name: 'broken record',
    weight: 1,
    serve: 'stream',
    run: good.brokenRecord,
    errors: ['ERR_S2N_PKEY_PROTOCOL'],
  },
  {
    name: 'wrong signature',
    weight: 4,
    serve: 'wrong signature',
    run: failing.wrongSignature,
    failures: ['ERR_S2N_PKEY_SIGNATURE_INVALID'],
  },
  {
    name: 'signer error',
    weight: 3,
    serve: 'signer error',
    run: failing.signerError,
    failures: ['ERR_S2N_PKEY_SIGNER'],
  },
  {
    name: 'signer too late',
    weight: 2,
    serve: 'signer too late',
    run: failing.signerTooLate,
    failures: TIMEOUT,
  },
  {
    name: 'no common ALPN',
    weight: 3,
    serve: 'http2',
    run: failing.noCommonProtocol,
    failures: ['ERR_S2N_PKEY_PROTOCOL'],
  },
  {
    name: 'no common version',
    weight: 3,
    serve: 'stream',
    run: failing.noCommonVersion,
    failures: ['ERR_S2N_PKEY_PROTOCOL'],
  },
  {
    name: 'half-open',
    weight: 2,
    serve: 'impatient',
    run: failing.halfOpen,
    failures: TIMEOUT,
    outcomes: ['CLOSED'],
  },
  {
    name: 'ends early',
    weight: 3,
    serve: 'stream',
    run: failing.endsEarly,
    failures: RESET,
    outcomes: ['CLOSED'],
  },
  {
    name: 'resets early',
    weight: 3,
    serve: 'stream',
    run: failing.resetsEarly,
    failures: RESET,
    outcomes: ['RESET'],
  },
  {
    name: 'resets at signing',
    weight: 3,
    serve: 'slow signer',
    run: failing.resetsDuringSignature,
    failures: RESET,
    outcomes: ['RESET'],
  },
  {
    name: 'garbage',
    weight: 2,
    serve: 'stream',
    run: failing.garbage,
    failures: ['ERR_S2N_PKEY_PROTOCOL'],
    outcomes: ['LEFT'],
  },
  {
    name: 'not TLS',
    weight: 2,
    serve: 'stream',
    run: failing.notTls,
    failures: ['ERR_S2N_PKEY_NOT_TLS'],
  },
  {
    name: 'plaintext HTTP',
    weight: 3,
    serve: 'https',
    run: failing.plaintextHttp,
    failures: ['ERR_S2N_PKEY_NOT_TLS'],
    outcomes: ['400'],
  },
].map((scenario) => ({
  failures: none,
  errors: none,
  ...scenario,
  outcomes: scenario.outcomes ?? (scenario.failures ? undefined : ['completed']),
}));
