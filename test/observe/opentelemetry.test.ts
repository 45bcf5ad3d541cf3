import { once } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import {
  createServer,
  InvalidOptionError,
  KmsSigner,
  type KmsAttemptMessage,
  type TlsServer,
} from '../../lib/index.ts';
import { eventMetrics, stateMetrics } from '../../lib/observe/metrics.ts';
import { observeWithOpenTelemetry } from '../../lib/observe/opentelemetry.ts';
import { AnswerTap } from '../fixtures/answer-tap.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { rejectionOf } from '../signers/rejection.ts';

describe('OpenTelemetry', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256', 'P-384');
  let server: TlsServer;
  let port: number;
  let exporter: InMemorySpanExporter;
  let metricExporter: InMemoryMetricExporter;
  let meterProvider: MeterProvider;
  let observation: { close(): void };
  let attempts: KmsAttemptMessage[];
  const note = (message: unknown): void => {
    attempts.push(message as KmsAttemptMessage);
  };

  const named = (name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);

  beforeEach(async () => {
    attempts = [];
    subscribe('s2n-pkey:kms:attempt', note);
    exporter = new InMemorySpanExporter();
    metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const exportIntervalMillis = 3_600_000;
    meterProvider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis })],
    });
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    observation = observeWithOpenTelemetry({ tracerProvider, meterProvider });
    server = createServer(sites().site('P-256'), (socket) => socket.end('x'));
    server.on('tlsClientError', () => undefined);
    port = await listen(server);
  });
  afterEach(async () => {
    observation.close();
    unsubscribe('s2n-pkey:kms:attempt', note);
    await meterProvider.shutdown();
    await sites().kms.behave();
    await close(server);
  });

  it('nests the span of a request to KMS in that of its signature, and this in that of the handshake', async () => {
    const client = await connectTls(port);
    const { localPort } = client;
    await readAll(client);
    const [handshake] = named('TLS handshake');
    const [signature] = named('TLS signature');
    const [request] = named('KMS/Sign');
    expect(exporter.getFinishedSpans()).to.have.length(3);
    expect(handshake?.parentSpanContext).to.equal(undefined);
    expect(signature?.parentSpanContext?.spanId).to.equal(handshake?.spanContext().spanId);
    expect(request?.parentSpanContext?.spanId).to.equal(signature?.spanContext().spanId);
    expect(request?.spanContext().traceId).to.equal(handshake?.spanContext().traceId);
    expect(handshake?.attributes).to.include({
      'tls.protocol.name': 'tls',
      'tls.protocol.version': '1.3',
      'tls.resumed': false,
      'tls.established': true,
      'server.address': 'localhost',
      'network.peer.address': '127.0.0.1',
      'network.peer.port': localPort,
      's2n_pkey.signature.scheme': 'ecdsa_secp256r1_sha256',
    });
    expect(handshake?.attributes['tls.cipher']).to.match(/^TLS_AES_/);
    expect(handshake?.attributes['tls.curve']).to.be.a('string');
    expect(request?.attributes).to.include({
      'rpc.system': 'aws-api',
      'rpc.service': 'KMS',
      'rpc.method': 'Sign',
      'http.response.status_code': 200,
    });
    expect(attempts).to.have.length(1);
    expect(attempts[0]?.requestId).to.match(/^[0-9a-f-]{36}$/);
    expect(request?.attributes['aws.request_id']).to.equal(attempts[0]?.requestId);
    const [handshakeTime, signatureTime, requestTime] = [handshake, signature, request].map((span) => ({
      start: nanoseconds(span?.startTime),
      end: nanoseconds(span?.endTime),
    }));
    expect(Number(handshakeTime?.start)).to.be.at.most(Number(signatureTime?.start));
    expect(Number(signatureTime?.end)).to.be.at.most(Number(handshakeTime?.end));
    expect(Number(requestTime?.start)).to.be.below(Number(requestTime?.end));
  });

  it('reports the request id of KMS, which matches a CloudTrail record to a connection', async () => {
    const { kms, site } = sites();
    const { cert, signer } = site('P-256');
    const tap = await AnswerTap.open(kms.endpoint);
    const { endpoint } = tap;
    const tapped = await KmsSigner.open({ ...kms.clientOptions, keyId: signer.keyArn, endpoint });
    const recorded = createServer({ cert, signer: tapped }, (socket) => socket.end('x'));
    try {
      const target = await listen(recorded);
      tap.takeRequestIds(); // of opening the key
      for (let i = 0; i < 3; i++) await readAll(await connectTls(target));
      const told = named('KMS/Sign').map(({ attributes }) => attributes['aws.request_id']);
      expect(told).to.have.length(3);
      expect(told).to.deep.equal(tap.takeRequestIds());
    } finally {
      await close(recorded);
      tapped.close();
      tap.close();
    }
  });

  it('separates the spans of concurrent handshakes, each with its own request', async () => {
    await Promise.all(Array.from({ length: 8 }, async () => readAll(await connectTls(port))));
    const traces = new Map<string, string[]>();
    for (const span of exporter.getFinishedSpans()) {
      const { traceId } = span.spanContext();
      traces.set(traceId, [...(traces.get(traceId) ?? []), span.name].sort());
    }
    expect(traces.size).to.equal(8);
    for (const names of traces.values()) {
      expect(names).to.deep.equal(['KMS/Sign', 'TLS handshake', 'TLS signature']);
    }
  });

  it('has a span for each retry', async () => {
    await sites().kms.misbehave({ kind: 'throttle', count: 1 });
    await readAll(await connectTls(port));
    expect(named('KMS/Sign').map(({ attributes }) => attributes['error.type'])).to.deep.equal([
      'ThrottlingException',
      undefined,
    ]);
    const [signature] = named('TLS signature');
    for (const { parentSpanContext } of named('KMS/Sign')) {
      expect(parentSpanContext?.spanId).to.equal(signature?.spanContext().spanId);
    }
  });

  it('reports a failure by its code', async () => {
    server.setSecureContext(sites().site('P-384')); // Its breaker opens.
    await sites().kms.misbehave({ kind: 'disabled-key' });
    const failed = once(server, 'tlsClientError');
    await rejectionOf(connectTls(port));
    const [{ code }] = (await failed) as [NodeJS.ErrnoException];
    expect(code).to.equal('ERR_S2N_PKEY_KMS_KEY_DISABLED');
    const [handshake] = named('TLS handshake');
    expect(handshake?.attributes).to.include({ 'error.type': code, 'tls.established': false });
    expect(handshake?.status.code).to.equal(2);
  });

  it('has the metrics that Prometheus has', async () => {
    await sites().kms.misbehave({ kind: 'throttle', count: 1 });
    await readAll(await connectTls(port));
    await meterProvider.forceFlush();
    const [resource] = metricExporter.getMetrics();
    const read = (resource?.scopeMetrics ?? []).flatMap(({ metrics }) => metrics);
    const point = (name: string) => read.find(({ descriptor }) => descriptor.name === name)?.dataPoints[0];
    expect(point('s2n_pkey.handshakes')).to.deep.include({ value: 1 });
    expect(point('s2n_pkey.handshakes')?.attributes).to.include({ outcome: 'ok', handshake: 'full' });
    expect(point('s2n_pkey.kms.retries')?.value).to.equal(1);
    expect(point('s2n_pkey.kms.throttles')?.value).to.equal(1);
    expect(point('s2n_pkey.signature.duration')?.value).to.include({ count: 1 });
    expect(point('s2n_pkey.engine.threads')?.value).to.be.above(0);
    const { ticketKeysHeld, ticketKeysSuccess, ticketKeysClock, certificateExpiry } = stateMetrics;
    const ofFleets = [ticketKeysHeld, ticketKeysSuccess, ticketKeysClock];
    const never = [eventMetrics.kmsHedges, certificateExpiry, ...ofFleets].map(({ name }) => name);
    for (const { name } of [...Object.values(eventMetrics), ...Object.values(stateMetrics)]) {
      if (!never.includes(name)) expect(point(`s2n_pkey.${name}`), name).not.to.equal(undefined);
    }
  });

  it('reports nothing after close(), and refuses invalid options by name', async () => {
    observation.close();
    await readAll(await connectTls(port));
    expect(exporter.getFinishedSpans()).to.deep.equal([]);
    expect(() => observeWithOpenTelemetry({ tracer: trace } as object)).to.throw(
      InvalidOptionError,
      /tracer/,
    );
    expect(() => observeWithOpenTelemetry({ meterProvider: {} as never })).to.throw(
      InvalidOptionError,
      /meterProvider/,
    );
  });
});

function nanoseconds(time: readonly [number, number] | undefined): bigint {
  if (time === undefined) throw new Error('a span is missing');
  return BigInt(time[0]) * 1_000_000_000n + BigInt(time[1]);
}
