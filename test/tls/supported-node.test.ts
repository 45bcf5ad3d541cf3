import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Agent } from 'node:https';
import { createRequire } from 'node:module';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import type { Server as TlsServer } from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import ts from 'typescript';
import { missingParts, requiredParts, unsupportedBecause } from '../../lib/tls/node/supported-node.ts';
import { bunCommand, denoCommand, needs } from '../fixtures/needs.ts';

const lib = fileURLToPath(new URL('../../lib/', import.meta.url));
const program = fileURLToPath(new URL('../fixtures/refusing-program.ts', import.meta.url));
const register = new URL('../../lib/register/register.ts', import.meta.url).href;
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

interface Report {
  readonly cert: string;
  readonly outcomes: Readonly<Record<string, string>>;
}

async function run(command: string, ...args: string[]): Promise<Report> {
  const { stdout } = await promisify(execFile)(command, [...args, program], { timeout: 60_000 });
  return JSON.parse(stdout) as Report;
}

/** A module for --import that changes Node before the package looks at it. */
function change(statement: string): string {
  const source = `import net from 'node:net'; import tls from 'node:tls'; import https from 'node:https'; ${statement}`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Every private member of Node that the sources of lib/ use, by its name there. */
function privateMembersInSources(): Set<string> {
  const found = new Set<string>();
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  for (const name of files.filter((each) => !each.endsWith('supported-node.ts'))) {
    const source = readFileSync(join(lib, name), 'utf8');
    for (const [, member = ''] of source.matchAll(/[\w)\]]\??\.(_[a-z]\w*)/g)) found.add(member);
    if (!/^tls.node/.test(name)) continue;
    const visit = (node: ts.Node): void => {
      if (ts.isInterfaceDeclaration(node) && /Handle|Internals/.test(node.name.text)) {
        for (const { name: of } of node.members) if (of && ts.isIdentifier(of)) found.add(of.text);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true));
  }
  return found;
}

describe('The parts of Node that this package depends on', () => {
  it('are all there on this Node', () => {
    expect(unsupportedBecause(process.versions)).to.equal(undefined);
  });

  it('are all in the list: each private member that lib/ uses is checked by name', () => {
    const listed = new Set(Object.keys(requiredParts).flatMap((name) => name.split(/[.[\] ]/)));
    const ours = new Set(['constructor']); // "the class TCP" checks it
    const used = privateMembersInSources();
    expect([...used], 'the search finds them').to.include.members(['_handle', 'readStop', '_getSession']);
    expect([...used].filter((member) => !listed.has(member) && !ours.has(member))).to.deep.equal([]);
  });

  it('are each reported where they are missing', () => {
    const empty = {
      server: { _connections: 1 } as unknown as Server,
      socket: {} as unknown as Socket,
      connecting: {} as unknown as Socket,
      tlsServer: { listeners: () => [] } as unknown as TlsServer,
      agent: {} as unknown as Agent,
      response: {} as unknown as ServerResponse,
      requests: {} as unknown as Socket,
    };
    expect(missingParts(empty)).to.deep.equal(Object.keys(requiredParts));
  });
});

describe('A Node that lacks a part', () => {
  const changes = {
    'net.Server._emitCloseIfDrained': 'delete net.Server.prototype._emitCloseIfDrained',
    'net.Socket._server':
      'const { _destroy } = net.Socket.prototype; net.Socket.prototype._destroy = function (...args) { const server = this._server; this._server = null; _destroy.apply(this, args); this._server = server }',
    'https.Agent._evictSession': 'delete https.Agent.prototype._evictSession',
    "tls.Server's tlsConnectionListener":
      "const { on } = net.Server.prototype; net.Server.prototype.on = function (name, listener) { return on.call(this, name, name === 'connection' ? (...args) => listener(...args) : listener) }",
  };
  for (const [part, statement] of Object.entries(changes)) {
    it(`is refused by name before anything is served: ${part}`, async () => {
      const { cert, outcomes } = await run(process.execPath, '--import', tsx, '--import', change(statement));
      expect(new X509Certificate(cert).subject, 'what needs no TLS works').to.equal('CN=localhost');
      expect(Object.keys(outcomes)).to.have.length(5);
      for (const [name, outcome] of Object.entries(outcomes)) {
        expect(outcome, name)
          .to.match(/^ERR_S2N_PKEY_NODE: s2n-pkey does not know this Node /)
          .and.to.include(part)
          .and.to.include('Node.js 20.19 or later, 22.12 or later, 24, or 26');
      }
    }).timeout(60_000);
  }

  it('does not start a program with --import s2n-pkey/register', async () => {
    const args = ['--import', tsx, '--import', change(changes['net.Server._emitCloseIfDrained'])];
    const started = promisify(execFile)(
      process.execPath,
      [...args, '--import', register, '-e', 'console.log(1)'],
      {
        timeout: 60_000,
      },
    );
    const outcome = await started.then(
      () => ({ stdout: 'it started', stderr: '' }),
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    expect(outcome.stdout).to.equal('');
    expect(outcome.stderr).to.match(/^s2n-pkey\/register: .*_emitCloseIfDrained/);
  }).timeout(60_000);
});

const runtimes = [
  { tool: 'bun', name: 'Bun', command: bunCommand, args: [] },
  { tool: 'deno', name: 'Deno', command: denoCommand, args: ['run', '--allow-all', '--no-check'] },
] as const;

for (const { tool, name, command, args } of runtimes) {
  describe(`In ${name}`, () => {
    needs(tool);

    it('the package imports and makes certificates; whatever serves or connects says to use Node', async () => {
      const { cert, outcomes } = await run(command, ...args);
      expect(new X509Certificate(cert).subject).to.equal('CN=localhost');
      expect(Object.keys(outcomes)).to.have.length(5);
      for (const [entry, outcome] of Object.entries(outcomes)) {
        expect(outcome, entry)
          .to.match(/^ERR_S2N_PKEY_NODE: s2n-pkey serves and connects on Node\.js only/)
          .and.to.match(new RegExp(`this is ${name} \\d+\\.\\d+`));
      }
    }).timeout(90_000);
  });
}
