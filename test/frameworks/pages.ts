import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { KMSClient } from '@aws-sdk/client-kms';
import ts from 'typescript';
import { createKey } from '../../lib/signers/kms/keys/key-creation.ts';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test', 'fixtures');
const reporter = pathToFileURL(join(fixtures, 'report-listening.mjs')).href;
/** Where `docs/frameworks` says 8443, each page gets a number of its own, which stands for a free port. */
const firstPort = 20_000;
const lastPort = 20_999;

/** The programs on the pages of `docs/frameworks`, run as they are written, with a key in a local KMS. */
export class Pages {
  readonly #kms: LocalKms;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #listening = new Map<number, (port: number) => void>();
  /** The certificate they serve. */
  readonly cert: string;
  #host: ChildProcess | undefined;
  #next = firstPort;
  #failed: (error: Error) => void = () => undefined;

  private constructor(kms: LocalKms, folder: string, cert: string) {
    this.#kms = kms;
    this.#folder = folder;
    this.cert = cert;
  }

  /** Makes a key, its certificate, and a folder inside the package, where the package's name leads to dist/. */
  static async open(): Promise<Pages> {
    const kms = await startLocalKms();
    const client = new KMSClient(kms.clientOptions);
    const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256', alias: 'alias/site' });
    client.destroy();
    const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions });
    const names = { dns: ['localhost'], ip: ['127.0.0.1', '::1'] };
    const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' }, altNames: names });
    signer.close();
    await mkdir(join(root, 'build'), { recursive: true });
    const folder = await mkdtemp(join(root, 'build', 'pages-'));
    await writeFile(join(folder, 'cert.pem'), cert);
    return new Pages(kms, folder, cert);
  }

  get kms(): LocalKms {
    return this.#kms;
  }

  get folder(): string {
    return this.#folder;
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      if (child.pid !== undefined) process.kill(-child.pid); // and what it started
      await once(child, 'exit');
    }
    await this.#kms.close();
    await rm(this.#folder, { recursive: true });
  }

  /** Runs the `n`-th program of a page beside the others; resolves to the port it listens on. */
  async run(page: string, n = 0): Promise<number> {
    const { path, listening } = await this.#write(page, n);
    this.#host ??= this.#start([join(fixtures, 'page-host.mjs')]);
    this.#host.stdin?.write(`${path}\n`);
    return await listening;
  }

  /** Runs a page's program as one of its own, for those that start themselves again. */
  async runAlone(page: string, env: NodeJS.ProcessEnv = {}): Promise<number> {
    const { path, listening } = await this.#write(page, 0);
    this.#start([path], env);
    return await listening;
  }

  /** Runs a page's commands, with `program` as the server.js that they start. */
  async runCommand(page: string, program: string): Promise<number> {
    const text = await readFile(join(root, 'docs', 'frameworks', `${page}.md`), 'utf8');
    const commands = /```sh\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const named = this.#next++;
    await writeFile(join(this.#folder, 'server.cjs'), program); // .cjs: the package it lies in is of ES modules
    const listening = this.#expect(named);
    this.#spawn(
      'sh',
      ['-c', commands.replace(/\b8443\b/g, String(named)).replace('server.js', 'server.cjs')],
      {
        NODE_OPTIONS: `--import ${reporter}`,
      },
    );
    return await listening;
  }

  #expect(named: number): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      this.#listening.set(named, resolve);
      this.#failed = reject;
    });
  }

  async #write(page: string, n: number): Promise<{ path: string; listening: Promise<number> }> {
    const { code, language } = (await programs(page))[n] ?? { code: '', language: 'js' };
    const named = this.#next++;
    const path = join(this.#folder, `${page}-${n}-${named}.mjs`);
    await writeFile(path, toJavaScript(code, language).replace(/\b8443\b/g, String(named)));
    return { path, listening: this.#expect(named) };
  }

  #start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return this.#spawn(process.execPath, ['--no-warnings', '--import', reporter, ...args], env);
  }

  #spawn(command: string, args: string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(command, args, {
      cwd: this.#folder,
      env: {
        PATH: process.env['PATH'],
        S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'],
        S2N_PKEY_TEST_PORTS: `${firstPort}-${lastPort}`,
        ...environmentOf(this.#kms),
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // a group of its own
    });
    this.#children.push(child);
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#said(line));
    child.on('exit', () => this.#failed(new Error('the program ended')));
    return child;
  }

  #said(line: string): void {
    const [, named, port] = /^listening (\d+) (\d+)$/.exec(line) ?? [];
    if (named !== undefined) this.#listening.get(Number(named))?.(Number(port));
    const [, why] = /^failed \S+ (".*")$/.exec(line) ?? [];
    if (why !== undefined) this.#failed(new Error(JSON.parse(why) as string));
  }
}

/** The programs of a page, in order. */
export async function programs(page: string): Promise<{ code: string; language: string }[]> {
  const text = await readFile(join(root, 'docs', 'frameworks', `${page}.md`), 'utf8');
  return [...text.matchAll(/```(js|ts)\n([\s\S]*?)```/g)].map(([, language = '', code = '']) => ({
    code,
    language,
  }));
}

function toJavaScript(code: string, language: string): string {
  if (language === 'js') return code;
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}
