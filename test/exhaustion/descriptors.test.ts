import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';

const { key, cert } = identity('P-256');
const LIMIT = 128;

type Line = Record<string, unknown>;

describe('when descriptors run out', () => {
  let program: Program;
  let clients: TLSSocket[];
  let folder: string;

  beforeEach(() => {
    clients = [];
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-'));
    seen.length = 0;
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await program.stop();
    rmSync(folder, { recursive: true });
  });

  type Target = { port: number; host: string } | { path: string };

  async function start(kind: string): Promise<Target> {
    const path = join(folder, 'socket');
    const environment = kind.endsWith('unix') ? { SOCKET_PATH: path } : {};
    const file = new URL('../fixtures/limited-server.ts', import.meta.url);
    program = runProgram(file, [kind], { KEY: key, CERT: cert, ...environment }, [
      `--nofile=${LIMIT}:${LIMIT}`,
    ]);
    const { port } = await line((told) => 'listening' in told);
    return kind.endsWith('unix') ? { path } : { port: port as number, host: '127.0.0.1' };
  }

  const seen: Line[] = [];
  /** The next line that is like this; the others are kept in `seen`. */
  async function line(wanted: (told: Line) => boolean): Promise<Line> {
    const end = setTimeout(() => program.kill('SIGKILL'), 25_000);
    try {
      for (;;) {
        const told = (await program.nextLine()) as Line;
        if (wanted(told)) return told;
        seen.push(told);
      }
    } catch (cause) {
      throw new Error(`a line that was waited for did not come; others did: ${inspect(seen)}`, { cause });
    } finally {
      clearTimeout(end);
    }
  }
  const event = (name: string): Promise<Line> => line((told) => told['event'] === name);
  async function ask(command: string): Promise<Line> {
    program.sendLine(command);
    return line((told) => 'answer' in told || 'error' in told);
  }

  interface Begun {
    readonly client: TLSSocket;
    readonly secure: Promise<unknown>;
  }

  function begin(target: Target): Begun {
    const client = connect({ ...target, rejectUnauthorized: false });
    clients.push(client);
    client.on('error', () => undefined);
    const secure = once(client, 'secureConnect');
    secure.catch(() => undefined);
    return { client, secure };
  }

  async function echoes(client: TLSSocket, text: string): Promise<void> {
    client.write(text);
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).to.equal(text);
  }

  for (const kind of ['tcp', 'unix', 'cluster-shared', 'cluster-shared-unix']) {
    it(`the server stops accepting, serves open connections, and accepts again (${kind})`, async () => {
      const target = await start(kind);
      let report: Line | undefined;
      const paused = event('acceptPaused').then((told) => (report = told));
      const begun: Begun[] = [];
      while (report === undefined && begun.length < 60) {
        begun.push(begin(target));
        await Promise.race([paused, begun.at(-1)?.secure]);
      }
      await paused;
      // Those that it has accepted, the last one out of the reserve; who came after waits already.
      const accepted = begun.splice(0, (await ask('connections'))['answer'] as number);
      const open = accepted.map(({ client }) => client);
      for (const { secure } of accepted) await secure;
      expect(report?.['limit']).to.equal(LIMIT);
      expect(report?.['reserve']).to.equal(16);
      expect(report?.['descriptors']).to.be.within(LIMIT - 16 - 6, LIMIT);
      expect(open.length).to.be.greaterThan(2);
      // Whoever comes now waits in the backlog: connected, and not refused.
      const waiting = [...begun, ...Array.from({ length: 10 }, () => begin(target))];
      for (const client of open) await echoes(client, 'still here');
      // The reserve is the application's.
      for (let i = 0; i < 5; i++) expect(await ask('open file')).to.have.property('answer');
      await ask('close files');
      // Nothing spins meanwhile.
      expect((await ask('utilization'))['answer']).to.be.lessThan(0.5);

      for (const client of open) client.destroy();
      await event('acceptResumed');
      // They are more than fit at once, so each goes when it has been served.
      for (const { client, secure } of waiting) {
        await secure;
        await echoes(client, 'at last');
        client.destroy();
      }
      expect(
        seen.filter((told) => told['event'] === 'drop' || told['event'] === 'tlsClientError'),
      ).to.deep.equal([]);
      expect(seen.flatMap((told) => told['logged'] ?? [])).to.deep.equal(['accept.paused', 'accept.resumed']);
      // The socket's file goes with the server, and with nothing before it.
      expect(readdirSync(folder)).to.deep.equal(kind.endsWith('unix') ? ['socket'] : []);
      program.sendLine('close server');
      await event('closed');
      expect(readdirSync(folder)).to.deep.equal([]);
    });
  }

  it('a server can be closed while accepting is paused, and listen again', async () => {
    const target = await start('tcp');
    const paused = event('acceptPaused');
    const begun: Begun[] = [];
    for (let i = 0; i < 50; i++) begun.push(begin(target));
    await paused;
    const closed = event('closed');
    program.sendLine('close server');
    for (const { client } of begun) client.destroy();
    await closed;
    program.sendLine('listen');
    const { port } = await line((told) => 'listening' in told);
    const { client, secure } = begin({ port: port as number, host: '127.0.0.1' });
    await secure;
    await echoes(client, 'again');
  });

  it('an https server stops accepting, too', async () => {
    const target = await start('https');
    const paused = event('acceptPaused');
    const begun: Begun[] = [];
    for (let i = 0; i < 50; i++) begun.push(begin(target));
    await paused;
    for (const { client } of begun) client.destroy();
    await event('acceptResumed');
    const { client, secure } = begin(target);
    await secure;
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect((await readAll(client)).toString()).to.match(/^HTTP\/1.1 200 [^]*hi$/);
  });

  it("a cluster worker that gets connections from the primary refuses them, with a 'drop' event for each", async () => {
    const target = await start('cluster');
    const paused = event('acceptPaused');
    const begun: Begun[] = [];
    for (let i = 0; i < 60; i++) begun.push(begin(target));
    await paused;
    const drop = await event('drop');
    expect(drop['remoteAddress']).to.equal('127.0.0.1');
    expect(drop['remotePort']).to.be.greaterThan(0);
    for (const { client } of begun) client.destroy();
    await event('acceptResumed');
    const { client, secure } = begin(target);
    await secure;
    await echoes(client, 'again');
  });

  it('if the application uses up the reserve, open connections continue, and new ones are served afterwards', async () => {
    const target = await start('tcp');
    const first = begin(target);
    await first.secure;
    await echoes(first.client, 'it is open at both ends');
    expect(await ask('open files to the last')).to.have.property('error', 'EMFILE');
    const late = begin(target); // libuv closes what it cannot take
    await new Promise((resolve) => late.client.once('close', resolve));
    await echoes(first.client, 'still here');
    await ask('close files');
    const { client, secure } = begin(target);
    await secure;
    await echoes(client, 'again');
  });

  it('a limit below 1,024 causes one warning at the start', async () => {
    await start('tcp');
    await ask('diagnostics');
    const warnings = seen.filter((told) => told['event'] === 'warning');
    expect(warnings).to.have.lengthOf(1);
    expect(warnings[0]).to.include({ code: 'S2N_PKEY_DESCRIPTOR_LIMIT' });
    expect(warnings[0]?.['message']).to.match(/^the limit of open files is 128, /);
  });
});
