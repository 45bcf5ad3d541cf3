import { channel } from 'node:diagnostics_channel';

/** `node:diagnostics_channel` channels by name. The names are the contract: docs/observability.md lists them. */
export const channelNames = {
  handshakeStart: 's2n-pkey:handshake:start',
  handshakeEnd: 's2n-pkey:handshake:end',
  signatureStart: 's2n-pkey:signature:start',
  signatureEnd: 's2n-pkey:signature:end',
  kmsAttempt: 's2n-pkey:kms:attempt',
  drainStart: 's2n-pkey:drain:start',
  drainEnd: 's2n-pkey:drain:end',
  certificate: 's2n-pkey:certificate',
  breaker: 's2n-pkey:breaker',
  accept: 's2n-pkey:accept',
} as const;

// Held here, because Node drops a channel without references and would create another one.
export const handshakeStartChannel = channel(channelNames.handshakeStart);
export const handshakeEndChannel = channel(channelNames.handshakeEnd);
export const signatureStartChannel = channel(channelNames.signatureStart);
export const signatureEndChannel = channel(channelNames.signatureEnd);
export const kmsAttemptChannel = channel(channelNames.kmsAttempt);
export const drainStartChannel = channel(channelNames.drainStart);
export const drainEndChannel = channel(channelNames.drainEnd);
export const certificateChannel = channel(channelNames.certificate);
export const breakerChannel = channel(channelNames.breaker);
export const acceptChannel = channel(channelNames.accept);
