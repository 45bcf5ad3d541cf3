import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { channelNames } from './channels.ts';
import type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './handshake-messages.ts';

import type {
  AcceptMessage,
  BreakerMessage,
  CertificateMessage,
  DrainEndMessage,
  DrainStartMessage,
} from './operation-messages.ts';

/** The type of each channel's messages. */
interface ChannelMessages {
  readonly handshakeStart: HandshakeStartMessage;
  readonly handshakeEnd: HandshakeEndMessage;
  readonly signatureStart: SignatureStartMessage;
  readonly signatureEnd: SignatureEndMessage;
  readonly kmsAttempt: KmsAttemptMessage;
  readonly drainStart: DrainStartMessage;
  readonly drainEnd: DrainEndMessage;
  readonly certificate: CertificateMessage;
  readonly breaker: BreakerMessage;
  readonly accept: AcceptMessage;
}

type ChannelName = keyof typeof channelNames & keyof ChannelMessages;

export type ChannelListeners = {
  readonly [Name in ChannelName]?: (message: ChannelMessages[Name]) => void;
};

/** Subscribes to the package's channels. Returns a function that unsubscribes. */
export function listenToChannels(listeners: ChannelListeners): () => void {
  // Each channel has messages of one type.
  const pairs = Object.entries(listeners) as [ChannelName, (message: unknown) => void][];
  for (const [name, listener] of pairs) subscribe(channelNames[name], listener);
  return () => {
    for (const [name, listener] of pairs) unsubscribe(channelNames[name], listener);
  };
}
