import type { HandshakeDetails } from '../../observe/channels/handshake-observation.ts';
import type { FailedHandshakeFacts, HandshakeFacts } from '../../native/events.ts';
import { signatureSchemeByCode } from '../../signers/signature-scheme.ts';

/** Converts what the engine reports about a handshake to the fields of its diagnostics channel. */
export function handshakeDetails(facts: HandshakeFacts | FailedHandshakeFacts): HandshakeDetails {
  const done = 'protocol' in facts ? facts : undefined;
  const { remote, local, proxy } = facts;
  const balancer = proxy && proxy.version > 0 ? proxy.balancer : { host: '', port: 0 };
  return {
    resumed: done?.resumed,
    protocol: done?.protocol,
    cipher: done?.cipherStandardName,
    group: done?.group,
    signatureScheme: done && signatureSchemeByCode(done.signatureScheme)?.name,
    servername: facts.servername || undefined,
    alpnProtocol: facts.alpnProtocol || undefined,
    remoteAddress: remote.host || undefined,
    remotePort: remote.port || undefined,
    proxyAddress: balancer.host || undefined,
    proxyPort: balancer.port || undefined,
    localAddress: local.host || undefined,
    localPort: local.port || undefined,
  };
}
