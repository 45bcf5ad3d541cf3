import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer as createHttpsServer, request } from 'node:https';
import { connect as connectTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { expect } from 'chai';
import { Agent, connect, type ConnectOptions } from '../../lib/index.ts';
import { readKeyLogFile } from '../../lib/tls/context/key-log-file.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';

const own = identity('P-256');
const trusting = { host: '127.0.0.1', servername: 'localhost', ca: own.cert };

describe("A client's 'keylog' event", () => {
  let server: Server;
  let port: number;
  /** What the server itself logs. */
  let theirs: string[];

  beforeEach(async () => {
    server = createServer(own, (socket) => socket.on('error', () => undefined).end('answer'));
    server.on('tlsClientError', () => undefined);
    port = await listen(server);
    theirs = [];
    server.on('keylog', (line: Buffer) => theirs.push(line.toString('latin1')));
  });
  afterEach(() => close(server));

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const given of [false, true]) {
      const over = given ? ', over a socket that was given' : '';
      it(`gives the lines that the server's own log has, before secureConnect, with ${version}${over}`, async () => {
        const carrier = given ? connectTcp(port, '127.0.0.1') : undefined;
        if (carrier) await once(carrier, 'connect');
        const options: ConnectOptions = { ...trusting, minVersion: version, maxVersion: version };
        const client = connect(carrier ? { ...options, socket: carrier } : { ...options, port });
        const lines: string[] = [];
        client.on('keylog', (line: Buffer) => lines.push(line.toString('latin1')));
        await once(client, 'secureConnect');
        expect(lines).not.to.have.lengthOf(0);
        await readAll(client);
        expect(lines.sort()).to.deep.equal(theirs.sort());
      });
    }
  }

  it('is emitted for a handshake that fails, before the error', async () => {
    const client = connect({ ...trusting, port, servername: 'elsewhere.test' });
    const lines: string[] = [];
    client.on('keylog', (line: Buffer) => lines.push(line.toString('latin1')));
    await once(client, 'error');
    expect(lines).not.to.have.lengthOf(0);
    for (const line of lines) expect(line).to.match(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n$/);
  });

  it('is also emitted by the Agent, with the socket', async () => {
    const https = createHttpsServer(own, (_req, res) => res.end('answer'));
    const httpsPort = await listen(https);
    const expected: string[] = [];
    https.on('keylog', (line: Buffer) => expected.push(line.toString('latin1')));
    const agent = new Agent(trusting);
    const lines: string[] = [];
    const sockets = new Set<unknown>();
    agent.on('keylog', (line: Buffer, socket: unknown) => {
      lines.push(line.toString('latin1'));
      sockets.add(socket);
    });
    const outgoing = request({ ...trusting, port: httpsPort, agent }).end();
    const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
    await readAll(response as never);
    expect(lines).not.to.have.lengthOf(0);
    expect(lines.sort()).to.deep.equal(expected.sort());
    expect([...sockets]).to.deep.equal([outgoing.socket]);
    agent.destroy();
    await close(https);
  });
});

describe("Node's own option --tls-keylog", () => {
  let program: Program | undefined;
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 's2n-pkey key log '))));
  afterEach(async () => {
    await program?.stop();
    rmSync(folder, { recursive: true });
  });

  async function run(
    argument: string,
    flags = '',
  ): Promise<{ lines: string[]; warnings: string[]; file: string }> {
    const file = join(folder, 'keys');
    program = runProgram(new URL('../fixtures/key-log-program.ts', import.meta.url), [argument], {
      KEY: own.key,
      CERT: own.cert,
      NODE_OPTIONS: `--no-deprecation "--tls-keylog=${file}" ${flags}`,
    });
    return { ...((await program.nextLine()) as { lines: string[]; warnings: string[] }), file };
  }

  it("writes the lines of servers and clients into the file, for the owner's eyes only, and warns once", async () => {
    const { lines, warnings, file } = await run('listen');
    expect(lines).not.to.have.lengthOf(0);
    const written = readFileSync(file, 'latin1').match(/.*\n/g) ?? [];
    expect([...written].sort()).to.deep.equal(lines.sort());
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(
      warnings.filter((text) => text.includes('--tls-keylog makes TLS connections insecure')),
    ).to.have.lengthOf(1);
  });

  it("writes the file without a 'keylog' listener, too", async () => {
    const { file } = await run('');
    expect(readFileSync(file, 'latin1')).to.match(/^([A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n){10,}$/);
  });

  it('warns once that --trace-tls and --tls-cipher-list have no effect', async () => {
    const { warnings } = await run('', '--trace-tls --tls-cipher-list=HIGH');
    for (const flag of ['--trace-tls', '--tls-cipher-list']) {
      expect(warnings.filter((text) => text.startsWith(`${flag} has no effect`))).to.have.lengthOf(1);
    }
  });

  it('parses the flag as Node does', () => {
    expect(readKeyLogFile([], undefined)).to.equal(undefined);
    expect(readKeyLogFile(['--tls-keylog=a'], '')).to.equal('a');
    expect(readKeyLogFile(['--tls-keylog', 'a', '--import=x'], undefined)).to.equal('a');
    expect(readKeyLogFile(['--tls_keylog=a'], undefined)).to.equal('a');
    expect(readKeyLogFile([], '  --no-warnings --tls-keylog=b ')).to.equal('b');
    expect(readKeyLogFile([], '--tls-keylog "a \\"b\\" c"')).to.equal('a "b" c');
    expect(readKeyLogFile(['--tls-keylog=a'], '--tls-keylog=b')).to.equal('a');
    expect(readKeyLogFile(['--tls-keylog=a', '--tls-keylog=c'], undefined)).to.equal('c');
    expect(readKeyLogFile(['--import=--tls-keylog=x'], '--title=--tls-keylog')).to.equal(undefined);
  });
});
