import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { channelNames, signatureStartChannel } from './channels/channels.ts';
import type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './channels/handshake-messages.ts';

/**
 * A span for each handshake, in it one for its signature, in that one for each request to KMS. Returns what ends it. Names
 * of attributes are those of OpenTelemetry's semantic conventions (registries tls, network, rpc, aws) where it has one.
 */
export function traceChannels(tracer: Tracer): () => void {
  const spans = new WeakMap<object, Span>();
  const signing = new AsyncLocalStorage<Span | undefined>();
  const within = (parent: Span | undefined): Context =>
    parent ? trace.setSpan(context.active(), parent) : context.active();

  const listeners: readonly (readonly [string, (message: unknown) => void])[] = [
    [
      channelNames.handshakeStart,
      (message) => {
        const start = message as HandshakeStartMessage;
        const kind = start.side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
        spans.set(start, tracer.startSpan('TLS handshake', { kind, startTime: start.startTime }));
      },
    ],
    [
      channelNames.handshakeEnd,
      (message) => {
        const end = message as HandshakeEndMessage;
        const span = spans.get(end);
        span?.setAttributes(handshakeAttributes(end));
        finish(span, end, end.startTime + end.durationMs);
      },
    ],
    [
      channelNames.signatureEnd,
      (message) => {
        const end = message as SignatureEndMessage;
        finish(spans.get(end), end, end.startTime + end.durationMs);
      },
    ],
    [
      channelNames.kmsAttempt,
      (message) => {
        const attempt = message as KmsAttemptMessage;
        const now = performance.timeOrigin + performance.now();
        const span = tracer.startSpan(
          'KMS/Sign',
          {
            kind: SpanKind.CLIENT,
            startTime: now - attempt.durationMs,
            attributes: attemptAttributes(attempt),
          },
          within(signing.getStore()),
        );
        finish(span, attempt, now);
      },
    ],
  ];
  // A store is bound before subscribers are told, so the span of a signature is made here.
  signatureStartChannel.bindStore(signing, (message) => {
    const start = message as SignatureStartMessage;
    const { scheme, queuedMs, startTime } = start;
    const span = tracer.startSpan(
      'TLS signature',
      {
        startTime,
        attributes: { 's2n_pkey.signature.scheme': scheme, 's2n_pkey.signature.queue': queuedMs / 1000 },
      },
      within(spans.get(start.handshake)),
    );
    spans.set(start, span);
    return span;
  });
  for (const [name, listener] of listeners) subscribe(name, listener);
  return () => {
    signatureStartChannel.unbindStore(signing);
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  };
}

function finish(
  span: Span | undefined,
  end: { outcome: string; error?: Error | undefined },
  time: number,
): void {
  if (!span) return;
  const { outcome, error } = end;
  if (outcome !== 'ok') {
    span.setAttribute('error.type', outcome);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error?.message ?? outcome });
  }
  span.end(time);
}

function handshakeAttributes(
  end: HandshakeEndMessage,
): Record<string, string | number | boolean | undefined> {
  return {
    'tls.protocol.name': end.protocol === undefined ? undefined : 'tls',
    'tls.protocol.version': end.protocol?.replace('TLSv', ''),
    'tls.cipher': end.cipher,
    'tls.curve': end.group,
    'tls.resumed': end.resumed,
    'tls.established': end.outcome === 'ok',
    'tls.next_protocol': end.alpnProtocol,
    'server.address': end.servername,
    'network.peer.address': end.remoteAddress,
    'network.peer.port': end.remotePort,
    'network.local.address': end.localAddress,
    'network.local.port': end.localPort,
    's2n_pkey.signature.scheme': end.signatureScheme,
  };
}

function attemptAttributes(
  attempt: KmsAttemptMessage,
): Record<string, string | number | boolean | undefined> {
  return {
    'rpc.system': 'aws-api',
    'rpc.service': 'KMS',
    'rpc.method': attempt.operation,
    'aws.request_id': attempt.requestId,
    'http.response.status_code': attempt.statusCode,
    's2n_pkey.kms.key_arn': attempt.keyArn,
    's2n_pkey.kms.attempt': attempt.attempt,
    's2n_pkey.kms.hedge': attempt.hedge,
    's2n_pkey.kms.throttled': attempt.throttled,
  };
}
