import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { createServer, FleetTicketKeys, InvalidOptionError, type TlsServer } from '../../lib/index.ts';
import { prometheusMetrics, type PrometheusMetrics } from '../../lib/observe/prometheus.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { readExposition } from './exposition-reader.ts';
import { when } from '../fixtures/when.ts';
import { rejectionOf } from '../signers/rejection.ts';

describe('Prometheus metrics', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256', 'P-384');
  let server: TlsServer;
  let port: number;
  let metrics: PrometheusMetrics;

  /** The sum of all samples of that name that have these labels. */
  const value = (name: string, labels: Record<string, string> = {}): number => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const read = readExposition(metrics.text());
    const metric = read.get(name) ?? read.get(base);
    return (metric?.samples ?? [])
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, text]) => sample.labels[label] === text))
      .reduce((sum, sample) => sum + sample.value, 0);
  };

  beforeEach(async () => {
    metrics = prometheusMetrics();
    server = createServer(sites().site('P-256'), (socket) => socket.end('x'));
    server.on('tlsClientError', () => undefined);
    port = await listen(server);
  });
  afterEach(async () => {
    metrics.close();
    await sites().kms.behave();
    await close(server);
  });

  it('count a full handshake, its signature and its request to KMS', async () => {
    await readAll(await connectTls(port));
    const handshake = { side: 'server', outcome: 'ok', handshake: 'full', protocol: 'TLSv1.3' };
    expect(value('s2n_pkey_handshakes_total', handshake)).to.equal(1);
    expect(value('s2n_pkey_handshakes_total', { group: 'none' })).to.equal(0);
    expect(value('s2n_pkey_handshake_duration_seconds_count', { result: 'ok', handshake: 'full' })).to.equal(
      1,
    );
    expect(value('s2n_pkey_signatures_total', { outcome: 'ok', scheme: 'ecdsa_secp256r1_sha256' })).to.equal(
      1,
    );
    expect(value('s2n_pkey_signature_duration_seconds_sum')).to.be.within(0.0001, 30);
    expect(value('s2n_pkey_signature_queue_seconds_count')).to.equal(1);
    expect(value('s2n_pkey_kms_attempts_total', { outcome: 'ok' })).to.equal(1);
    expect(value('s2n_pkey_kms_attempt_duration_seconds_count', { result: 'ok' })).to.equal(1);
    expect(value('s2n_pkey_kms_queue_seconds_count')).to.equal(1);
    expect(value('s2n_pkey_kms_retries_total')).to.equal(0);
  });

  it('count a resumed handshake separately, without a signature', async () => {
    const options = { maxVersion: 'TLSv1.2' } as const;
    const first = await connectTls(port, options);
    const session = first.getSession();
    await readAll(first);
    await readAll(await connectTls(port, { ...options, ...(session ? { session } : {}) }));
    expect(value('s2n_pkey_handshakes_total', { handshake: 'resumed', protocol: 'TLSv1.2' })).to.equal(1);
    expect(value('s2n_pkey_handshakes_total', { handshake: 'full', protocol: 'TLSv1.2' })).to.equal(1);
    expect(value('s2n_pkey_signatures_total')).to.equal(1);
  });

  it('count throttles and retries', async () => {
    await sites().kms.misbehave({ kind: 'throttle', count: 1 });
    await readAll(await connectTls(port));
    expect(value('s2n_pkey_kms_throttles_total')).to.equal(1);
    expect(value('s2n_pkey_kms_retries_total')).to.equal(1);
    expect(value('s2n_pkey_kms_attempts_total', { outcome: 'ThrottlingException' })).to.equal(1);
    expect(value('s2n_pkey_kms_attempts_total', { outcome: 'ok' })).to.equal(1);
    expect(value('s2n_pkey_signatures_total')).to.equal(1);
  });

  it('count a failed handshake and signature by their codes', async () => {
    // Another signer: this opens its circuit breaker.
    server.setSecureContext(sites().site('P-384'));
    await sites().kms.misbehave({ kind: 'disabled-key' });
    const failed = once(server, 'tlsClientError');
    await rejectionOf(connectTls(port));
    const [{ code = '' }] = (await failed) as [NodeJS.ErrnoException];
    expect(code).to.equal('ERR_S2N_PKEY_KMS_KEY_DISABLED');
    expect(value('s2n_pkey_handshakes_total', { outcome: code, handshake: 'none', group: 'none' })).to.equal(
      1,
    );
    expect(value('s2n_pkey_handshake_duration_seconds_count', { result: 'error' })).to.equal(1);
    expect(value('s2n_pkey_signatures_total', { outcome: 'ok' })).to.equal(0);
    expect(value('s2n_pkey_signatures_total')).to.equal(1);
  });

  it('count handshakes and signatures in flight, and the connections of the engine by state', async () => {
    await sites().kms.misbehave({ kind: 'latency', milliseconds: 1_000 });
    const client = connectTls(port);
    await when(
      'a signature in flight',
      () => value('s2n_pkey_signatures_in_flight'),
      (count) => count === 1,
    );
    expect(value('s2n_pkey_handshakes_in_flight', { side: 'server' })).to.equal(1);
    expect(value('s2n_pkey_engine_connections', { state: 'awaiting_signature' })).to.equal(1);
    expect(value('s2n_pkey_engine_operations')).to.equal(1);
    expect(value('s2n_pkey_engine_descriptors')).to.be.above(0);
    expect(value('s2n_pkey_engine_threads')).to.be.above(0);
    expect(value('s2n_pkey_engine_cpu_seconds_total')).to.be.above(0);
    expect(value('s2n_pkey_engine_arena_bytes', { kind: 'in_use' })).to.be.above(0);
    await readAll(await client);
    expect(value('s2n_pkey_handshakes_in_flight', { side: 'server' })).to.equal(0);
    expect(value('s2n_pkey_signatures_in_flight')).to.equal(0);
  });

  it('report when the served certificates expire, also after a swap', () => {
    const { cert, signer } = sites().site('P-256');
    metrics.watch(server).watch(server);
    const { validTo, fingerprint256: fingerprint } = new X509Certificate(cert);
    const name = 's2n_pkey_certificate_expiry_timestamp_seconds';
    const labels = { fingerprint, key_arn: signer.keyArn, servername: '' };
    expect(value(name, labels)).to.equal(Date.parse(validTo) / 1000);
    server.addContext('other.test', { cert, signer });
    expect(value(name, { ...labels, servername: 'other.test' })).to.equal(Date.parse(validTo) / 1000);
  });

  it('refuse objects that are not servers, and invalid options, by name', () => {
    expect(() => metrics.watch(createTcpServer())).to.throw(InvalidOptionError, /server/);
    for (const buckets of [[], [0, 1], [1, 1], [1, Infinity], 'x']) {
      expect(() => prometheusMetrics({ buckets: buckets as number[] })).to.throw(
        InvalidOptionError,
        /buckets/,
      );
    }
    expect(() => prometheusMetrics({ bucket: [1] } as object)).to.throw(InvalidOptionError, /bucket/);
  });

  it('are counted until they are closed', async () => {
    metrics.close();
    await readAll(await connectTls(port));
    expect(value('s2n_pkey_handshakes_total')).to.equal(0);
  });

  it('have the names that the Grafana dashboard asks for, with its labels', async () => {
    metrics.watch(server);
    const answer = { secret: Buffer.alloc(48, 'secret'), time: Date.now() };
    const fleet = new FleetTicketKeys({ secretOf: () => Promise.resolve(answer) });
    fleet.keysFor(3600);
    await when(
      'keys of a day',
      () => fleet.state,
      ({ lastSuccess }) => lastSuccess !== undefined,
    );
    await sites().kms.misbehave({ kind: 'throttle', count: 1 });
    await readAll(await connectTls(port));
    const printed = new Map<string, Set<string>>();
    const exposition = readExposition(metrics.text());
    fleet.close();
    for (const { samples } of exposition.values()) {
      for (const { name, labels } of samples) printed.set(name, new Set(Object.keys(labels)));
    }
    const dashboard = readFileSync(new URL('../../docs/grafana/s2n-pkey.json', import.meta.url), 'utf8');
    const queries = [...dashboard.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(([, query = '']) => query);
    expect(queries).to.have.length.above(10);
    const used = new Set<string>();
    for (const query of queries) {
      const names = [...query.matchAll(/\bs2n_pkey_\w+/g)].map(([name]) => name);
      expect(names, query).to.have.length.above(0);
      const labels = new Set<string>();
      for (const name of names) {
        used.add(name.replace(/_(bucket|sum|count)$/, ''));
        expect(printed.has(name), `${name} of the dashboard`).to.equal(true);
        for (const label of printed.get(name) ?? []) labels.add(label);
      }
      for (const [, grouped = ''] of query.matchAll(/by \(([^)]*)\)/g)) {
        for (const label of grouped.split(/, */)) expect([...labels], query).to.include(label);
      }
    }
    for (const name of exposition.keys()) {
      expect([...used], 'what the dashboard shows').to.include(name);
    }
  });
});
