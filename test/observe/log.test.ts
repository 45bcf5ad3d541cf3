import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect } from 'chai';
import {
  createServer,
  InvalidOptionError,
  logTo,
  SignerError,
  type Logger,
  type TlsServer,
} from '../../lib/index.ts';
import { logEvents } from '../../lib/observe/log/log-events.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');

/** A real pino, and the lines that it has written. */
function recordedPino(level: string): { logger: Logger; lines: () => Record<string, unknown>[] } {
  const stream = new PassThrough();
  const logger = pino({ level }, stream);
  let text = '';
  return {
    logger,
    lines: () => {
      // Node 26 reads one chunk at a time.
      for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read() as Buffer | null)
        text += chunk.toString();
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

describe('logTo', () => {
  let server: TlsServer;
  let port: number;
  let fails: boolean;
  const signer: AsynchronousSigner = new AsynchronousSigner(key, (operation) =>
    fails
      ? Promise.reject(new SignerError('canary', { code: 'ERR_OF_TEST' }))
      : signer.signRightly(operation),
  );
  beforeEach(async () => {
    fails = false;
    server = createServer({ cert, signer }, (socket) => socket.end('x'));
    port = await listen(server);
  });
  afterEach(() => close(server));

  async function failedHandshake(): Promise<void> {
    fails = true;
    const failed = next(server, 'tlsClientError');
    await Promise.all([failed, connectTls(port).catch(() => undefined)]);
  }

  it('writes events with fields to a pino logger', async () => {
    const { logger, lines } = recordedPino('debug');
    using logging = logTo(logger);
    expect(logging).to.have.property('close');
    await readAll(await connectTls(port));
    await failedHandshake();
    const seen = lines();
    expect(seen.map(({ level, event }) => [level, event])).to.deep.equal([
      [20, 'signature.completed'],
      [20, 'handshake.completed'],
      [50, 'signature.failed'],
      [40, 'handshake.failed'],
    ]);
    expect(seen[1]).to.include({
      side: 'server',
      protocol: 'TLSv1.3',
      servername: 'localhost',
      resumed: false,
    });
    expect(seen[1]).to.include({ msg: 'TLS handshake completed', code: 'ok', remoteAddress: '127.0.0.1' });
    expect(seen[2]).to.include({ code: 'ERR_OF_TEST', scheme: 'ecdsa_secp256r1_sha256' });
    expect(seen[3]?.['durationMs']).to.be.within(0, 30_000);
    expect(JSON.stringify(seen)).not.to.include('canary');
  });

  it('asks the logger which levels are enabled, and stops when it is closed', async () => {
    const { logger, lines } = recordedPino('warn');
    const logging = logTo(logger);
    await readAll(await connectTls(port));
    expect(lines()).to.deep.equal([]);
    logging.close();
    await failedHandshake();
    expect(lines()).to.deep.equal([]);
  });

  it('counts lines beyond `perMinute` as suppressed', async () => {
    const { logger, lines } = recordedPino('error');
    let now = 0;
    using logging = logTo(logger, { perMinute: 2 }, () => now);
    expect(logging).to.have.property('close');
    for (let i = 0; i < 4; i++) await failedHandshake();
    expect(lines()).to.have.length(2);
    now = 60_000;
    await failedHandshake();
    expect(lines()[2]).to.include({ event: 'signature.failed', suppressed: 2 });
  });

  it('keeps connections unaffected by a logger that throws or rejects, and warns once', async () => {
    const warnings: (string | undefined)[] = [];
    const heard = (warning: Error & { code?: string }): void => void warnings.push(warning.code);
    process.on('warning', heard);
    const throwing = (): never => {
      throw new Error('canary');
    };
    using first = logTo({ debug: throwing, info: throwing, warn: throwing, error: throwing });
    const rejecting = (): Promise<never> => Promise.reject(new Error('canary'));
    using second = logTo({ debug: rejecting, info: rejecting, warn: rejecting, error: rejecting });
    expect([first, second]).to.have.length(2);
    expect((await readAll(await connectTls(port))).toString()).to.equal('x');
    expect((await readAll(await connectTls(port))).toString()).to.equal('x');
    await new Promise(setImmediate);
    process.off('warning', heard);
    expect(warnings).to.deep.equal(['S2N_PKEY_LOGGER', 'S2N_PKEY_LOGGER']);
  });

  it('refuses an object that is not a logger', () => {
    expect(() => logTo({} as Logger)).to.throw(
      InvalidOptionError,
      /^logger: expected a logger with debug, info, warn and error/,
    );
    expect(() => logTo(console, { perMinute: 0 })).to.throw(InvalidOptionError, /^perMinute: /);
  });
});

describe('logTo with a key in KMS', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256');

  it('writes each failed request, with its id in CloudTrail', async () => {
    const { logger, lines } = recordedPino('warn');
    const server = createServer(sites().site('P-256'), (socket) => socket.end('x'));
    const port = await listen(server);
    using logging = logTo(logger);
    expect(logging).to.have.property('close');
    await sites().kms.misbehave({ kind: 'throttle', count: 1 });
    await readAll(await connectTls(port));
    await sites().kms.behave();
    const [line] = lines();
    expect(line).to.include({
      event: 'kms.attempt.failed',
      code: 'ThrottlingException',
      throttled: true,
      statusCode: 400,
    });
    expect(line?.['requestId']).to.be.a('string');
    server.close();
    await once(server, 'close');
  });
});

describe('docs/observability.md', () => {
  it('lists each event of the log with its level', () => {
    const page = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z.]+)` +\| (debug|info|warn|error) +\|/gm)].map(
      ([, event, level]) => [event, level],
    );
    expect(rows).to.have.deep.members(Object.entries(logEvents).map(([event, { level }]) => [event, level]));
  });
});
