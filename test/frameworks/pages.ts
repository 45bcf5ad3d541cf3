import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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

/**
 * The programs on pages of docs/, each run as it stands there in a process of its own, with a key in a local KMS. A preloaded module
 * has their servers listen on free ports.
 */
export class Pages {
  readonly #kms: LocalKms;
  readonly #folder: string;
  /** The certificate they serve. */
  readonly cert: string;
  #running: ChildProcess | undefined;
  #written = 0;

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
    const names = { dns: ['localhost', 'www.example.com'], ip: ['127.0.0.1', '::1'] };
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
    await this.#end();
    await this.#kms.close();
    await rm(this.#folder, { recursive: true });
  }

  /** Runs the `n`-th program of a page, in place of the one that ran; resolves to the port it listens on. */
  async run(page: string, n = 0, env: NodeJS.ProcessEnv = {}): Promise<number> {
    const { code, language } = (await programs(page))[n] ?? { code: '', language: 'js' };
    const path = join(this.#folder, `page-${++this.#written}.mjs`);
    await writeFile(path, toJavaScript(code, language));
    return await this.#start(process.execPath, ['--no-warnings', '--import', reporter, path], env);
  }

  /** Runs a page's commands in a folder that has the CommonJS program `server.js` which they start. */
  async runCommand(page: string, program: string): Promise<number> {
    const commands = /```sh\n([\s\S]*?)```/.exec(await readFile(fileOf(page), 'utf8'))?.[1] ?? '';
    const folder = join(this.#folder, 'commonjs');
    await mkdir(join(folder, 'node_modules'), { recursive: true });
    await symlink(root, join(folder, 'node_modules', 's2n-pkey'));
    await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
    await writeFile(join(folder, 'cert.pem'), this.cert);
    await writeFile(join(folder, 'server.js'), program);
    const env = { NODE_OPTIONS: `--import ${reporter}` };
    return await this.#start('sh', ['-c', commands], env, folder);
  }

  /** Ends the running program by a signal; resolves to its exit code. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#running;
    if (child === undefined) throw new Error('no page is running');
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  async #start(
    command: string,
    args: string[],
    env: NodeJS.ProcessEnv,
    cwd: string = this.#folder,
  ): Promise<number> {
    await this.#end();
    const child = spawn(command, args, {
      cwd,
      env: {
        PATH: process.env['PATH'],
        S2N_PKEY_ADDON: process.env['S2N_PKEY_ADDON'],
        S2N_PKEY_TEST_PORTS: '443-9999',
        ...environmentOf(this.#kms),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true, // a group of its own
    });
    this.#running = child;
    const listening = new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, port] = /^listening \d+ (\d+)$/.exec(line) ?? [];
        if (port !== undefined) resolve(Number(port));
      });
      child.once('exit', () => reject(new Error(`the program ended: ${args.join(' ')}`)));
    });
    return await listening;
  }

  async #end(): Promise<void> {
    const child = this.#running;
    this.#running = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid); // and what it started
    await ended;
  }
}

/** `production` is docs/production.md, and `frameworks/koa` one of the folder. */
function fileOf(page: string): string {
  return join(root, 'docs', `${page}.md`);
}

/** The programs of a page, in order. */
export async function programs(page: string): Promise<{ code: string; language: string }[]> {
  const text = await readFile(fileOf(page), 'utf8');
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
