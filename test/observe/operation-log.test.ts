import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { pino } from 'pino';
import {
  attach,
  createServer,
  drain,
  InvalidOptionError,
  KmsSigner,
  LocalKeySigner,
  logTo,
  SignerError,
  type Logger,
} from '../../lib/index.ts';
import { startLocalKms } from '../../lib/local-kms/start.ts';
import { CircuitBreaker } from '../../lib/signers/admission/circuit-breaker.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { watchedCertificateFile } from '../fixtures/watched-certificate-file.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { asked } from '../signers/socket/sockets.ts';

const { key, cert } = identity('P-256');
const secured = { cert, signer: new LocalKeySigner({ key }) };

/** A real pino that writes to a list. */
function recorded(level = 'info'): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { logger: pino({ level }, { write }), lines };
}

const eventsOf = (lines: readonly Record<string, unknown>[]): unknown[] => lines.map(({ event }) => event);

describe('the option logger of a server', () => {
  it('logs while the server is open, again when it listens again, and not before or after', async () => {
    const { logger, lines } = recorded('debug');
    const server = createServer({ ...secured, logger }, (socket) => socket.end('x'));
    for (const round of [1, 2]) {
      const port = await listen(server);
      await readAll(await connectTls(port));
      expect(eventsOf(lines.splice(0)), `round ${round}`).to.deep.equal(['handshake.completed']);
      await close(server);
    }
    const other = createServer(secured, (socket) => socket.end('x'));
    await readAll(await connectTls(await listen(other)));
    await close(other);
    expect(lines).to.deep.equal([]);
  });

  it('writes a line once for servers that share a logger, until the last of them is closed', async () => {
    const { logger, lines } = recorded('debug');
    const one = createServer({ ...secured, logger }, (socket) => socket.end('x'));
    const other = attach(
      createHttpsServer((_request, response) => response.end('x')),
      { ...secured, logger },
    );
    const port = await listen(one);
    await listen(other);
    await close(other);
    await readAll(await connectTls(port));
    expect(eventsOf(lines)).to.deep.equal(['handshake.completed']);
    await close(one);
  });

  it('is refused by name where it is no logger', () => {
    const logger = { debug: () => undefined, warn: () => undefined, error: () => undefined };
    expect(() => createServer({ ...secured, logger: logger as unknown as Logger })).to.throw(
      InvalidOptionError,
      /^logger: expected a logger with debug, info, warn and error, such as pino\(\)/,
    );
  });
});

describe('the log of operation', function () {
  this.timeout(60_000);

  it('has a drain from its start to its end, though the server closes before that', async () => {
    const { logger, lines } = recorded();
    const server = createServer({ ...secured, logger });
    const port = await listen(server);
    const accepted = once(server, 'secureConnection');
    const client = await connectTls(port);
    await accepted;
    const drained = drain(server, { within: 20_000, delay: 0 });
    client.destroy();
    await drained;
    expect(eventsOf(lines)).to.deep.equal(['drain.started', 'drain.completed']);
    expect(lines[0]).to.include({ level: 30, connections: 1, withinMs: 20_000, delayMs: 0 });
    expect(lines[1]).to.include({ level: 30, finished: 1, cut: 0 });
    expect(lines[1]?.['durationMs']).to.be.within(0, 20_000);
  });

  it('warns of connections that a drain has cut off', async () => {
    const { logger, lines } = recorded('warn');
    const server = createServer({ ...secured, logger }, (socket) => socket.on('error', () => undefined));
    const port = await listen(server);
    const accepted = once(server, 'secureConnection');
    const client = await connectTls(port);
    client.on('error', () => undefined);
    await accepted;
    await drain(server, { within: 0 });
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ level: 40, event: 'drain.cut', cut: 1, finished: 0 });
    client.destroy();
  });

  describe('with a certificate that is watched', () => {
    const at = watchedCertificateFile();

    it('has each certificate that is served, and each that is refused', async () => {
      const { logger, lines } = recorded();
      using logging = logTo(logger);
      expect(logging).to.have.property('close');
      await at.watched();
      const next = await at.issue(40);
      const { fingerprint, notAfter } = await at.swappedBy(() => writeFileSync(at.file, next));
      await at.refusedBy(() => writeFileSync(at.file, 'canary'));
      expect(eventsOf(lines)).to.deep.equal(['certificate.swapped', 'certificate.refused']);
      expect(lines[0]).to.include({ file: at.file, fingerprint, notAfter: notAfter.toJSON(), code: 'ok' });
      expect(lines[1]).to.include({ level: 50, code: 'ERR_S2N_PKEY_CERTIFICATE_REFUSED', file: at.file });
      expect(JSON.stringify(lines)).not.to.include('canary');
    });
  });

  it('has a circuit breaker that opens, and that closes, once each', async () => {
    const { logger, lines } = recorded();
    using logging = logTo(logger);
    expect(logging).to.have.property('close');
    let now = 0;
    const breaker = new CircuitBreaker({ pause: 10 }, undefined, () => now);
    const failure = new SignerError('canary', { code: 'ERR_S2N_PKEY_KMS_KEY_DISABLED' });
    const fail = (): Promise<unknown> => rejectionOf(breaker.run(() => Promise.reject(failure)));
    await fail();
    await fail();
    now = 10;
    await fail(); // tried, and failed again
    now = 1_000;
    await breaker.run(() => Promise.resolve());
    await breaker.run(() => Promise.resolve());
    expect(lines.map(({ level, event, code, pauseMs }) => [level, event, code, pauseMs])).to.deep.equal([
      [50, 'breaker.opened', 'ERR_S2N_PKEY_KMS_KEY_DISABLED', 10],
      [30, 'breaker.closed', 'ok', undefined],
    ]);
    expect(JSON.stringify(lines)).not.to.include('canary');
  });

  it('names the key in KMS whose circuit breaker opens', async () => {
    const { logger, lines } = recorded();
    using logging = logTo(logger);
    expect(logging).to.have.property('close');
    await using kms = await startLocalKms();
    const client = new KMSClient(kms.clientOptions);
    const spec = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;
    const { KeyMetadata } = await client.send(new CreateKeyCommand(spec));
    const keyId = KeyMetadata?.KeyId ?? '';
    using signer = await KmsSigner.open({ keyId, client, circuitBreaker: { pause: 1 } });
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    await rejectionOf(signer.sign(asked));
    expect(lines.find(({ event }) => event === 'breaker.opened')).to.include({ key: signer.keyArn });
    await client.send(new EnableKeyCommand({ KeyId: keyId }));
    await signer.sign(asked);
    expect(lines.at(-1)).to.include({ event: 'breaker.closed', key: signer.keyArn });
    client.destroy();
  });
});
