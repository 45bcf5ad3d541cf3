import type { ServedSignature, SignerPeer } from '../../signers/socket/socket-signer.ts';

const rounded = (value: number): number => Math.round(value * 100) / 100;

const idsOf = (peer: SignerPeer | undefined): object =>
  peer === undefined ? {} : { pid: peer.pid, uid: peer.uid, gid: peer.gid };

/** One signature, as JSON: only what the log of a site's signatures needs, no message and nothing of what was signed. */
export function signatureLine(signature: ServedSignature): string {
  const { startTime, durationMs, queuedMs, peer, connection, scheme, outcome, requestId } = signature;
  return JSON.stringify({
    time: new Date(startTime).toISOString(),
    event: 'signature',
    connection,
    ...idsOf(peer),
    scheme,
    outcome,
    requestId,
    durationMs: rounded(durationMs),
    ...(queuedMs === undefined ? {} : { queuedMs: rounded(queuedMs) }),
  });
}

/** A process that was not let in. */
export function refusedLine(peer: SignerPeer | undefined): string {
  return JSON.stringify({ time: new Date().toISOString(), event: 'refused', ...idsOf(peer) });
}

export function reloadLine(outcome: string): string {
  return JSON.stringify({ time: new Date().toISOString(), event: 'reload', outcome });
}
