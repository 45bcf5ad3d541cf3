import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';
import { connectBehind } from '../fixtures/proxy-headers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reporter = pathToFileURL(join(root, 'test', 'fixtures', 'report-listening.mjs')).href;
const registerModule = pathToFileURL(join(root, 'dist', 'lib', 'register', 'register.js')).href;
const { key, cert } = identity('P-256');
const other = identity('P-384');

/** Ports in the programs, which stand for free ones; the first is of `S2N_PKEY_HTTPS_PORTS`. */
const [made, plain, https, http2, withKey] = [21_001, 21_002, 21_003, 21_004, 21_005] as const;

const commonJs = `
const http = require('http'), https = require('https'), http2 = require('http2'), fs = require('fs');
const tell = (req, res) => res.end([!!req.socket.encrypted, req.socket.remoteAddress, req.httpVersion].join(' '));
const next = http.createServer({ headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 20 }, tell);
next.on('upgrade', (req, socket) => socket.end('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\nupgraded'));
next.on('clientError', (error, socket) => {
  console.log('clientError ' + error.code);
  if (socket.writable) socket.end('HTTP/1.1 408 Request Timeout\\r\\n\\r\\n');
});
next.listen({ port: ${made}, host: '127.0.0.1' });
http.createServer(tell).listen(${plain}, '127.0.0.1');
https.createServer(tell).listen('${https}', '127.0.0.1');
http2.createSecureServer({ allowHTTP1: true }, tell).listen(${http2}, '127.0.0.1');
https.createServer({ key: fs.readFileSync('own-key.pem'), cert: fs.readFileSync('own.pem') }, tell).listen(${withKey}, '127.0.0.1');
`;

const esModule = `
import { createServer } from 'node:http';
import { Server } from 'node:https';
createServer((req, res) => res.end('http ' + req.socket.encrypted)).listen(${made});
new Server((req, res) => res.end('https ' + req.socket.encrypted)).listen(${https});
`;

const clustered = `
import cluster from 'node:cluster';
import { createServer } from 'node:http';
if (cluster.isPrimary) cluster.fork();
else createServer((req, res) => res.end('worker ' + req.socket.encrypted)).listen(${made}, '127.0.0.1');
`;

const threaded = `
import { createServer } from 'node:http';
import { isMainThread, Worker } from 'node:worker_threads';
if (isMainThread) new Worker(new URL(import.meta.url));
else createServer((req, res) => res.end('thread ' + req.socket.encrypted)).listen(${made}, '127.0.0.1');
`;

describe('node --import s2n-pkey/register', () => {
  let folder: string;
  const children: ChildProcess[] = [];

  before(() => {
    // Inside the package, where its own name leads to dist/, which `npm test` has built.
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build', 'register-'));
    const files = { 'key.pem': key, 'cert.pem': cert, 'own-key.pem': other.key, 'own.pem': other.cert };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, 'exit');
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  interface Running {
    /** The free port that one in the program stands for. */
    port: (named: number) => Promise<number>;
    /** Until the program has printed a line that matches. */
    line: (pattern: RegExp) => Promise<string>;
    /** The same for standard error. */
    errors: (pattern: RegExp) => Promise<void>;
    child: ChildProcess;
  }

  function start(file: string, program: string, env: NodeJS.ProcessEnv): ChildProcess {
    writeFileSync(join(folder, file), program);
    const child = spawn(process.execPath, ['--no-warnings', '--import', 's2n-pkey/register', file], {
      cwd: folder,
      env: {
        ...{ PATH: process.env['PATH'], S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'] },
        ...{ NODE_OPTIONS: `--import ${reporter}`, S2N_PKEY_TEST_PORTS: `${made}-${withKey}` },
        ...env,
      },
    });
    children.push(child);
    return child;
  }

  /** As `start`, but by NODE_OPTIONS, which processes of the program inherit. */
  function startByOptions(
    file: string,
    program: string,
    parameters: readonly string[],
    env: NodeJS.ProcessEnv,
  ): ChildProcess {
    writeFileSync(join(folder, file), program);
    const child = spawn(process.execPath, [file, ...parameters], {
      cwd: folder,
      env: {
        ...{ PATH: process.env['PATH'], S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'] },
        ...{ NODE_OPTIONS: '--no-warnings --import s2n-pkey/register', REGISTER: registerModule },
        ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_LOCAL_KEY: 'key.pem' },
        ...env,
      },
    });
    children.push(child);
    return child;
  }

  async function ended(child: ChildProcess): Promise<{ code: number; output: string; errors: string }> {
    let [output, errors] = ['', ''];
    child.stdout?.on('data', (part: Buffer) => (output += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (errors += part.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output, errors };
  }

  function run(file: string, program: string, env: NodeJS.ProcessEnv = {}): Running {
    const child = start(file, program, {
      ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_LOCAL_KEY: 'key.pem', S2N_PKEY_HTTPS_PORTS: String(made) },
      ...env,
    });
    const lines: string[] = [];
    const waiting: { pattern: RegExp; resolve: (line: string) => void; reject: (error: Error) => void }[] =
      [];
    let errors = '';
    child.stderr?.on('data', (part: Buffer) => (errors += part.toString()));
    child.on('close', () => {
      for (const { reject } of waiting) reject(new Error(`the program ended: ${errors}`));
    });
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
      });
    }
    const line = (pattern: RegExp): Promise<string> => {
      const said = lines.find((one) => pattern.test(one));
      if (said !== undefined) return Promise.resolve(said);
      return new Promise((resolve, reject) => waiting.push({ pattern, resolve, reject }));
    };
    const port = async (named: number): Promise<number> =>
      Number((await line(new RegExp(`^listening ${named} `))).split(' ')[2]);
    const said = (pattern: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(errors)) resolve();
        };
        child.stderr?.on('data', look);
        child.once('close', () => reject(new Error(`the program ended: ${errors}`)));
        look();
      });
    return { line, port, errors: said, child };
  }

  async function answer(outgoing: ReturnType<typeof request>): Promise<string> {
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return (await readAll(response)).toString();
  }
  it('reads the PROXY protocol from the balancers that the settings name', async () => {
    const { port } = run('balanced.cjs', commonJs, { S2N_PKEY_PROXY_PROTOCOL: '{"from":["127.0.0.1"]}' });
    const socket = await connectBehind(await port(made), 'PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n', cert);
    expect(await answer(request({ createConnection: () => socket }))).to.equal('true 192.0.2.7 1.1');
  });
  const get = (port: number, ca = cert): Promise<string> =>
    answer(request({ host: 'localhost', family: 4, port, ca, agent: false }));

  it('secures the servers of a CommonJS program: http ones on the given ports, and those for TLS without a key', async () => {
    const { port, line } = run('program.cjs', commonJs);
    expect(await get(await port(made))).to.equal('true 127.0.0.1 1.1');
    expect(await get(await port(https))).to.equal('true 127.0.0.1 1.1');
    expect(await get(await port(http2))).to.equal('true 127.0.0.1 1.1');
    const session = connectHttp2(`https://localhost:${await port(http2)}`, { ca: cert, family: 4 } as object);
    expect((await readAll(session.request({ ':path': '/' }))).toString()).to.equal('true 127.0.0.1 2.0');
    session.destroy();

    // What it shall leave alone.
    expect(await get(await port(withKey), other.cert)).to.equal('true 127.0.0.1 1.1');
    const untouched = plainRequest({ host: '127.0.0.1', port: await port(plain), agent: false });
    expect(await answer(untouched)).to.equal('false 127.0.0.1 1.1');

    // What is an https server's own stays in force.
    const upgrading = await connectTls(await port(made));
    upgrading.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    expect((await readAll(upgrading)).toString()).to.match(/upgraded$/);
    const slow = await connectTls(await port(made));
    slow.write('GET / HTTP/1.1\r\nHost:');
    expect((await readAll(slow)).toString()).to.match(/^HTTP\/1\.1 408 /);

    // Nothing is answered in plain text but that it will not be.
    const inPlainText = plainRequest({ host: '127.0.0.1', port: await port(made), agent: false });
    expect(await answer(inPlainText)).to.match(/^This port speaks HTTPS/);
    expect(await line(/NOT_TLS/)).to.equal('clientError ERR_S2N_PKEY_NOT_TLS');
  });

  it('secures the servers of an ES module, settings from a file', async () => {
    const settings = { cert: 'cert.pem', localKey: 'key.pem', httpsPorts: [made] };
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
    const none = { S2N_PKEY_CERT: undefined, S2N_PKEY_LOCAL_KEY: undefined, S2N_PKEY_HTTPS_PORTS: undefined };
    const { port } = run('program.mjs', esModule, { ...none, S2N_PKEY_CONFIG: 'settings.json' });
    expect(await get(await port(made))).to.equal('http true');
    expect(await get(await port(https))).to.equal('https true');
  });

  it('secures the servers of cluster workers', async () => {
    const { port } = run('clustered.mjs', clustered);
    expect(await get(await port(made))).to.equal('worker true');
  });

  it('secures the servers of worker threads', async () => {
    const { port } = run('threaded.mjs', threaded);
    expect(await get(await port(made))).to.equal('thread true');
  });

  describe('reloads without a restart and without closing a connection', () => {
    const renewed = identity('P-256', 'renewed.example');
    const served = `
      const server = require('https').createServer((req, res) => res.end('same'));
      server.listen(${https}, '127.0.0.1');
    `;
    const none = { S2N_PKEY_CERT: undefined, S2N_PKEY_LOCAL_KEY: undefined, S2N_PKEY_HTTPS_PORTS: undefined };
    /** Puts a file in place at once, as renewals do. */
    const place = (name: string, text: string): void => {
      writeFileSync(join(folder, `${name}.new`), text);
      renameSync(join(folder, `${name}.new`), join(folder, name));
    };
    const settings = (more: object = {}): string =>
      JSON.stringify({ cert: 'site.pem', signer: { localKey: { file: 'site.key' } }, ...more });

    async function subject(port: number): Promise<string> {
      const socket = await connectTls(port);
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    }

    /** Until new connections see it. */
    async function shows(port: number, name: string): Promise<void> {
      let seen = '';
      for (let attempt = 0; attempt < 200 && seen !== name; attempt++) {
        seen = await subject(port);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(seen).to.equal(name);
    }

    beforeEach(() => {
      place('site.pem', cert);
      place('site.key', key);
      place('site.json', settings());
    });

    it('when the files of its certificate and key are replaced', async () => {
      const { port, errors } = run('served.cjs', served, { ...none, S2N_PKEY_CONFIG: 'site.json' });
      const at = await port(https);
      const open = await connectTls(at);
      place('site.pem', renewed.cert); // The key follows, as with two files it must: refused until then.
      await errors(/the settings stay as they were: .*certificate/);
      expect(await subject(at)).to.equal('localhost');
      place('site.key', renewed.key);
      await shows(at, 'renewed.example');
      open.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect((await readAll(open)).toString()).to.match(/same$/);
    });

    it('at SIGHUP, whatever its settings say then; what is wrong leaves those of before', async () => {
      const { port, errors, child } = run('served.cjs', served, { ...none, S2N_PKEY_CONFIG: 'site.json' });
      const at = await port(https);
      place('other.pem', renewed.cert);
      place('other.key', renewed.key);
      place('site.json', settings({ handshakeTimeout: 5 }));
      child.kill('SIGHUP');
      await errors(/handshakeTimeout changes only with a restart/);
      expect(await subject(at)).to.equal('localhost');
      place('site.json', settings({ cert: 'other.pem', signer: { localKey: { file: 'other.key' } } }));
      child.kill('SIGHUP');
      await shows(at, 'renewed.example');
    });
  });

  it('gives servers the options of the settings: versions, client certificates, ticket keys', async () => {
    const served = `
      const server = require('https').createServer((req, res) => res.end(String(req.socket.isSessionReused())));
      server.listen(${https}, '127.0.0.1');
    `;
    const versions = run('versions.cjs', served, { S2N_PKEY_MAX_VERSION: 'TLSv1.2' });
    const plainClient = await connectTls(await versions.port(https));
    expect(plainClient.getProtocol()).to.equal('TLSv1.2');
    plainClient.destroy();

    const asks = { S2N_PKEY_REQUEST_CERT: 'true', S2N_PKEY_CA: 'own.pem', S2N_PKEY_MAX_VERSION: 'TLSv1.2' };
    const asking = await run('asking.cjs', served, asks).port(https);
    const known = await connectTls(asking, { key: other.key, cert: other.cert });
    expect(known.getProtocol()).to.equal('TLSv1.2');
    known.destroy();
    const refused: unknown = await connectTls(asking).catch((error: unknown) => error);
    expect(refused).to.be.an.instanceOf(Error);

    writeFileSync(join(folder, 'ticket.keys'), Buffer.alloc(48, 7));
    const shared = { S2N_PKEY_TICKET_KEYS: 'ticket.keys', S2N_PKEY_MAX_VERSION: 'TLSv1.2' };
    const [first, second] = [run('first.cjs', served, shared), run('second.cjs', served, shared)];
    const full = await connectTls(await first.port(https));
    const session = full.getSession();
    full.destroy();
    const resumed = await connectTls(await second.port(https), session === undefined ? {} : { session });
    expect(resumed.isSessionReused()).to.equal(true);
    resumed.destroy();
  }).timeout(60_000);

  it('starts beside a Kubernetes Service named s2n-pkey, and warns about an unknown variable', async () => {
    const child = start('foreign.mjs', "console.log('started')", {
      ...{ S2N_PKEY_CERT: 'cert.pem', S2N_PKEY_LOCAL_KEY: 'key.pem' },
      ...{ S2N_PKEY_SERVICE_HOST: '10.0.0.1', S2N_PKEY_PORT: 'tcp://10.0.0.1:443', S2N_PKEY_CRET: 'x' },
    });
    expect(await ended(child)).to.deep.equal({
      code: 0,
      output: 'started\n',
      errors:
        's2n-pkey/register: warning: there is no setting S2N_PKEY_CRET: it is ignored. The nearest name is S2N_PKEY_CERT\n',
    });
  });

  const program = `
    import { fork, spawn } from 'node:child_process';
    import { once } from 'node:events';
    const [kind, folder] = process.argv.slice(2);
    const none = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^S2N_PKEY_(?!ADDON)/.test(name)));
    const options = { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] };
    const child =
      kind === 'fork'
        ? fork('./child.mjs', { ...options, stdio: [...options.stdio, 'ipc'], env: none, execArgv: ['--import', process.env.REGISTER] })
        : spawn(process.execPath, ['child.mjs'], { ...options, env: kind === 'cleared' ? none : process.env });
    process.exitCode = (await once(child, 'exit'))[0];
  `;
  for (const [what, kind, env] of [
    ['in another folder', 'inherited', {}],
    ['without the settings', 'cleared', {}],
    ['forked without the settings', 'fork', {}],
  ] as const) {
    it(`lets child processes be that inherit it and serve nothing: ${what}`, async () => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'register-child-'));
      writeFileSync(join(elsewhere, 'child.mjs'), "console.log('child');");
      const child = startByOptions('parent.mjs', program, [kind, elsewhere], env);
      const seen = await ended(child);
      rmSync(elsewhere, { recursive: true });
      expect(seen).to.deep.equal({ code: 0, output: 'child\n', errors: '' });
    });
  }

  it('does not let a server of a child process listen that it cannot secure', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'register-child-'));
    writeFileSync(
      join(elsewhere, 'child.mjs'),
      "import { createServer } from 'node:https'; try { createServer().listen(0); } catch (e) { console.log(e.message); }",
    );
    const child = startByOptions('parent.mjs', program, ['cleared', elsewhere], {});
    const seen = await ended(child);
    rmSync(elsewhere, { recursive: true });
    expect(seen).to.include({ code: 0, errors: '' });
    expect(seen.output).to.match(/^S2N_PKEY_CERT is missing/);
  });

  const refusals: [string, NodeJS.ProcessEnv, RegExp][] = [
    ['no settings', {}, /S2N_PKEY_CERT is missing/],
    [
      'no certificate',
      { S2N_PKEY_CERT: 'gone.pem', S2N_PKEY_LOCAL_KEY: 'key.pem' },
      /S2N_PKEY_CERT: .*gone\.pem/,
    ],
    ["another key's certificate", { S2N_PKEY_CERT: 'own.pem', S2N_PKEY_LOCAL_KEY: 'key.pem' }, /certificate/],
  ];
  for (const [what, env, message] of refusals) {
    it(`does not start the program, and says why in one sentence: ${what}`, async () => {
      const { code, output, errors } = await ended(start('started.mjs', "console.log('started')", env));
      expect({ code, output }).to.deep.equal({ code: 1, output: '' });
      expect(errors)
        .to.match(/^s2n-pkey\/register: .+\n$/)
        .and.to.match(message);
    });
  }
});
