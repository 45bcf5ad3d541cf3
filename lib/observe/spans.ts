import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { signatureStartChannel } from './channels/channels.ts';
import type {
  HandshakeEndMessage,
  KmsAttemptMessage,
  SignatureStartMessage,
} from './channels/handshake-messages.ts';
import { listenToChannels } from './channels/subscription.ts';

/**
 * Creates a span for each handshake, with a child for its signature, which has a child for each request to KMS. Returns a
 * function that stops it. Attribute names follow OpenTelemetry's semantic conventions (tls, network, rpc, aws).
 */
export function traceChannels(tracer: Tracer): () => void {
  const spans = new WeakMap<object, Span>();
  const signing = new AsyncLocalStorage<Span | undefined>();
  const within = (parent: Span | undefined): Context =>
    parent ? trace.setSpan(context.active(), parent) : context.active();

  // Stores are bound before subscribers are called, so the signature's span starts here.
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
  const stop = listenToChannels({
    handshakeStart: (start) => {
      const kind = start.side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
      spans.set(start, tracer.startSpan('TLS handshake', { kind, startTime: start.startTime }));
    },
    handshakeEnd: (end) => {
      const span = spans.get(end);
      span?.setAttributes(handshakeAttributes(end));
      finish(span, end, end.startTime + end.durationMs);
    },
    signatureEnd: (end) => finish(spans.get(end), end, end.startTime + end.durationMs),
    kmsAttempt: (attempt) => {
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
  });
  return () => {
    signatureStartChannel.unbindStore(signing);
    stop();
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
    // In the conventions, the peer is the other end of the connection. The client may be behind it.
    'client.address': end.proxyAddress === undefined ? undefined : end.remoteAddress,
    'client.port': end.proxyAddress === undefined ? undefined : end.remotePort,
    'network.peer.address': end.proxyAddress ?? end.remoteAddress,
    'network.peer.port': end.proxyAddress === undefined ? end.remotePort : end.proxyPort,
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
