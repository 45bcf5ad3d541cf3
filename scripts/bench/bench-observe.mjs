// `npm run bench:observe`: what it costs to be seen. CPU time of the event loop's thread for one full handshake signed by the local
// KMS, with nobody listening, with Prometheus and with OpenTelemetry; and what the looks cost by which a handshake finds that
// nobody listens. The server, KMS and the clients are processes of their own. The three take turns; medians are printed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

const modes = ['nobody', 'Prometheus', 'OpenTelemetry'];
const rounds = 21;
const handshakes = 400;
const atOnce = 16;
const looks = 10_000_000;

if (process.send) await serve();
else await measure();

async function measure() {
  const { BenchKms } = await import('./local-kms.mjs');
  const kms = await BenchKms.start(undefined);
  const key = JSON.stringify(await kms.createKey('ECC_NIST_P256'));
  const server = fork(fileURLToPath(import.meta.url), [key]);
  try {
    const [{ port, nanosecondsOfLooks }] = await once(server, 'message');
    const costs = new Map(modes.map((mode) => [mode, []]));
    for (let round = -1; round < rounds; round++) {
      for (const mode of modes) {
        const microseconds = await costOf(server, mode, port);
        if (round >= 0) costs.get(mode).push(microseconds); // The first round is for the compiler.
      }
    }
    console.log(
      `event loop, CPU for a full handshake, ${atOnce} at once, ${rounds} × ${handshakes}, median:`,
    );
    for (const [mode, values] of costs) {
      const range = `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
      console.log(`  ${mode.padEnd(14)}${median(values).toFixed(0).padStart(5)} µs  (${range})`);
    }
    console.log(`the looks of a handshake when nobody listens: ${nanosecondsOfLooks.toFixed(1)} ns`);
  } finally {
    server.disconnect();
    await once(server, 'exit');
    await kms.close();
  }
}

async function costOf(server, mode, port) {
  server.send(mode);
  const [{ cpu: before }] = await once(server, 'message');
  let left = handshakes;
  const client = async () => {
    while (left-- > 0) {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket.resume(), 'close');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  server.send('stop');
  const [{ cpu: after }] = await once(server, 'message');
  return (after - before) / 1000 / handshakes;
}

/** The process that is measured. */
async function serve() {
  const { createSelfSignedCertificate, createServer, KmsSigner } = await import('../../dist/lib/index.js');
  const { observeHandshake } = await import('../../dist/lib/observe/channels/handshake-observation.js');
  const { keyId, endpoint, region, credentials } = JSON.parse(process.argv[2]);
  const signer = await KmsSigner.open({ keyId, endpoint, region, credentials });
  const cert = await createSelfSignedCertificate({ signer, subject: 'CN=localhost' });
  const server = createServer({ cert, signer, signatureLimits: false }, (socket) => socket.end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const begin = await observers();
  let observer;
  process.on('message', (mode) => {
    observer?.close();
    observer = begin[mode]?.();
    process.send({ cpu: threadTime() });
  });
  process.on('disconnect', () => process.exit());
  process.send({ port: server.address().port, nanosecondsOfLooks: nanosecondsOfLooks(observeHandshake) });
}

async function observers() {
  const { prometheusMetrics } = await import('../../dist/lib/observe/prometheus.js');
  const { observeWithOpenTelemetry } = await import('../../dist/lib/observe/opentelemetry.js');
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } =
    await import('@opentelemetry/sdk-metrics');
  // What an exporter costs is the exporter's: this one throws spans away, in batches as production does.
  const exporter = { export: (spans, done) => done({ code: 0 }), shutdown: async () => undefined };
  return {
    Prometheus: () => prometheusMetrics(),
    OpenTelemetry: () =>
      observeWithOpenTelemetry({
        tracerProvider: new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }),
        meterProvider: new MeterProvider({
          readers: [
            new PeriodicExportingMetricReader({
              exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
            }),
          ],
        }),
      }),
  };
}

/** Nanoseconds of CPU that the main thread has had (proc(5), schedstat). */
function threadTime() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

function nanosecondsOfLooks(observeHandshake) {
  let seen = 0;
  const run = () => {
    const start = process.hrtime.bigint();
    for (let index = 0; index < looks; index++) if (observeHandshake('server')) seen++;
    return Number(process.hrtime.bigint() - start) / looks;
  };
  run();
  const nanoseconds = run();
  if (seen > 0) throw new Error('somebody listens');
  return nanoseconds;
}

/** Of an odd number of values. */
function median(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2];
}
