// A server as it runs in production: put your application in place of `application`.
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { attach, drain, healthHandler, KmsSigner, watchCertificate } from 's2n-pkey';
import { prometheusMetrics } from 's2n-pkey/prometheus';
import { SocketSigner } from 's2n-pkey/socket-signer';

const { PORT = '8443', OPERATIONS_PORT = '9464', CERTIFICATE = '/etc/s2n-pkey/cert.pem' } = process.env;
const { SIGNER_SOCKET, KEY_ID, DRAIN_BEFORE_SECONDS = '5', DRAIN_WITHIN_SECONDS = '25' } = process.env;

function application(request, response) {
  response.end('hello\n');
}

// With a signer beside it, the server has no credentials at all.
const signer = SIGNER_SOCKET
  ? await SocketSigner.open({ path: SIGNER_SOCKET })
  : await KmsSigner.open({ keyId: KEY_ID });
const metrics = prometheusMetrics();
const server = createServer(application);
attach(server, { cert: readFileSync(CERTIFICATE), signer });
// A renewed certificate is served without a restart.
const watch = await watchCertificate(server, { cert: CERTIFICATE, signer });
watch.on('refused', (error) => console.error(error.code, error.message));
metrics.watch(server);
server.on('tlsClientError', (error) => console.error(error.code, error.message));

// For the cluster alone: plain HTTP, on a port that the load balancer does not have.
const answerProbe = healthHandler({ servers: [server], probeEvery: 60_000 });
const operations = createHttpServer((request, response) => {
  if (request.url === '/metrics') response.setHeader('Content-Type', metrics.contentType).end(metrics.text());
  else if (!answerProbe(request, response)) response.writeHead(404).end();
});

operations.listen(Number(OPERATIONS_PORT));
server.listen(Number(PORT), () => console.log(`listening on ${PORT}`));

process.once('SIGTERM', async () => {
  const report = await drain(server, {
    delay: DRAIN_BEFORE_SECONDS * 1000,
    within: DRAIN_WITHIN_SECONDS * 1000,
  });
  console.log(`drained: ${report.finished} finished, ${report.cut} cut off`);
  watch.close();
  operations.close();
  signer.close();
  process.exit();
});
