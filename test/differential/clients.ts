/**
 * Clients that are not ours, each asked for the same: connect, send a line, read to the end, close, and tell what was seen.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { needs, type Tool } from '../fixtures/needs.ts';

export type Protocol = 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** What a client is asked for. It trusts `cert` alone and checks `name`. */
export interface Exchange {
  readonly port: number;
  readonly name: string;
  readonly cert: string;
  readonly protocol: Protocol;
  readonly alpn: readonly string[];
  readonly send: string;
}

/** What a client saw. */
export interface ClientView {
  readonly protocol: string;
  readonly alpn: string;
  readonly received: string;
  /** How the server's data ended, as far as the client tells: in order, or without close_notify. */
  readonly ending: 'close_notify' | 'truncated' | '';
  /** In the client's own words; empty: none. */
  readonly failure: string;
}

export interface TlsClient {
  readonly name: string;
  /** What it needs of the machine. */
  readonly tools: readonly Tool[];
  prepare(): void;
  exchange(asked: Exchange): Promise<ClientView>;
  dispose(): void;
}

const run = promisify(execFile);
const source = (name: string): string => fileURLToPath(new URL(`./clients/${name}`, import.meta.url));

/** node:tls. */
export class NodeClient implements TlsClient {
  readonly name = 'node:tls';
  readonly tools = [];

  prepare(): void {
    // Nothing to make.
  }

  async exchange({ port, name, cert, protocol, alpn, send }: Exchange): Promise<ClientView> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: name,
      ca: cert,
      minVersion: protocol,
      maxVersion: protocol,
      ciphers: protocol === 'TLSv1.1' ? 'DEFAULT@SECLEVEL=0' : undefined,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    });
    let received = '';
    let failure = '';
    let ended = false;
    let facts = { protocol: '', alpn: '' };
    socket.on('secureConnect', () => {
      facts = {
        protocol: socket.getProtocol() ?? '',
        alpn: socket.alpnProtocol === false ? '' : (socket.alpnProtocol ?? ''),
      };
      socket.write(`${send}\n`);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (received += text));
    socket.on('end', () => (ended = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message));
    await new Promise((resolve) => socket.on('close', resolve));
    return { ...facts, received, ending: facts.protocol && ended ? 'close_notify' : '', failure };
  }

  dispose(): void {
    // Nothing was made.
  }
}

/** `openssl s_client`. */
export class OpensslClient implements TlsClient {
  readonly name = 'openssl';
  readonly tools = ['openssl'] as const;
  #folder = '';

  prepare(): void {
    this.#folder = mkdtempSync(join(tmpdir(), 's2n-pkey-openssl-'));
  }

  async exchange({ port, name, cert, protocol, alpn, send }: Exchange): Promise<ClientView> {
    const trusted = join(this.#folder, 'trusted.pem');
    writeFileSync(trusted, cert);
    const version = { 'TLSv1.1': '-tls1_1', 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' }[protocol];
    const child = spawn(
      'openssl',
      [
        ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', name, '-nocommands', version],
        ...['-CAfile', trusted, '-no-CApath', '-no-CAstore', '-verify_return_error'],
        ...(protocol === 'TLSv1.1' ? ['-cipher', 'DEFAULT@SECLEVEL=0'] : []),
        ...(alpn.length > 0 ? ['-alpn', alpn.join(',')] : []),
      ],
      { stdio: 'pipe' },
    );
    let output = '';
    child.stdin.on('error', () => undefined); // It gave up before it had read all.
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.stdin.write(`${send}\n`);
    await once(child, 'close');
    child.stdin.end();
    const agreed = /^New, (TLSv1\.\d), /m.exec(output)?.[1] ?? '';
    const answer = /\[a [^\]\n]*\]/.exec(output)?.[0] ?? ''; // among much else that it prints
    return {
      protocol: agreed,
      alpn: /^ALPN protocol: (.*)$/m.exec(output)?.[1] ?? '',
      received: answer,
      ending: agreed === '' ? '' : output.includes('unexpected eof') ? 'truncated' : 'close_notify',
      failure: /:error:[0-9A-F]+:SSL routines:[^:]*:([^:]*):/.exec(output)?.[1] ?? '',
    };
  }

  dispose(): void {
    if (this.#folder) rmSync(this.#folder, { recursive: true });
  }
}

/** Python's ssl. */
export class PythonClient implements TlsClient {
  readonly name = 'Python';
  readonly tools = ['python3'] as const;

  prepare(): void {
    // Nothing to make.
  }

  async exchange(asked: Exchange): Promise<ClientView> {
    const argument = JSON.stringify({ ...asked, send: `${asked.send}\n` });
    const { stdout } = await run('python3', [source('client.py'), argument], { maxBuffer: 1e8 });
    return JSON.parse(stdout) as ClientView;
  }

  dispose(): void {
    // Nothing was made.
  }
}

/** A client in a language of its own, compiled once. */
abstract class CompiledClient implements TlsClient {
  abstract readonly name: string;
  abstract readonly tools: readonly Tool[];
  protected folder = '';

  prepare(): void {
    this.folder = mkdtempSync(join(tmpdir(), 's2n-pkey-client-'));
    const [compiler, ...args] = this.compilation;
    const { status, stderr } = spawnSync(compiler ?? '', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${this.name}: ${stderr}`);
  }

  async exchange(asked: Exchange): Promise<ClientView> {
    const [command, ...args] = this.start(asked);
    const { stdout } = await run(command ?? '', args, { maxBuffer: 1e8 });
    return JSON.parse(stdout) as ClientView;
  }

  dispose(): void {
    if (this.folder) rmSync(this.folder, { recursive: true });
  }

  protected abstract get compilation(): readonly string[];
  protected abstract start(asked: Exchange): readonly string[];
}

/** Go's crypto/tls. */
export class GoClient extends CompiledClient {
  readonly name = 'Go';
  readonly tools = ['go'] as const;

  protected get compilation(): readonly string[] {
    return ['go', 'build', '-o', join(this.folder, 'client'), source('client.go')];
  }

  protected start(asked: Exchange): readonly string[] {
    return [join(this.folder, 'client'), JSON.stringify({ ...asked, send: `${asked.send}\n` })];
  }
}

/** Java's SSLSocket. */
export class JavaClient extends CompiledClient {
  readonly name = 'Java';
  readonly tools = ['java'] as const;

  protected get compilation(): readonly string[] {
    return ['javac', '-d', this.folder, source('Client.java')];
  }

  protected start({ port, name, cert, protocol, alpn, send }: Exchange): readonly string[] {
    const trusted = join(this.folder, 'trusted.pem');
    writeFileSync(trusted, cert);
    const jvm = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', this.folder, 'Client'];
    return [...jvm, String(port), name, trusted, protocol, alpn.join(','), `${send}\n`];
  }
}

/** A `describe` for each client, which is prepared before its tests and disposed of after them. */
export function describeForEach<C extends TlsClient>(
  clients: readonly C[],
  title: (name: string) => string,
  tests: (client: C) => void,
): void {
  for (const client of clients) {
    describe(title(client.name), () => {
      needs(...client.tools);
      before(function () {
        this.timeout(120_000); // Go compiles its standard library the first time
        client.prepare();
      });
      after(() => {
        client.dispose();
      });
      tests(client);
    });
  }
}
