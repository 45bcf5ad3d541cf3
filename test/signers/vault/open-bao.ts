import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { baoCommand } from '../../fixtures/needs.ts';
import { freePort } from '../../fixtures/free-port.ts';

/** A real OpenBao server, in memory, with the Transit engine mounted unless told otherwise. */
export class OpenBao {
  readonly address: string;
  readonly token = 'root';
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  static async start({ transit = true } = {}): Promise<OpenBao> {
    const port = await freePort();
    const child = spawn(
      baoCommand,
      [
        'server',
        '-dev',
        '-dev-no-store-token',
        '-dev-root-token-id=root',
        `-dev-listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const bao = new OpenBao(`http://127.0.0.1:${port}`, child);
    try {
      await started(child);
      if (transit) await bao.ask('POST', 'sys/mounts/transit', { type: 'transit' });
    } catch (error) {
      await bao.stop();
      throw error;
    }
    return bao;
  }

  async ask(
    method: string,
    path: string,
    body?: object,
    token = this.token,
  ): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  /** A token with a policy of its own. */
  async makeToken(policy: string, more: object = {}): Promise<string> {
    const name = `policy-${Math.random().toString(36).slice(2)}`;
    await this.ask('PUT', `sys/policies/acl/${name}`, { policy });
    const { auth } = await this.ask('POST', 'auth/token/create', { policies: [name], ...more });
    return (auth as { client_token: string }).client_token;
  }

  async stop(): Promise<void> {
    // The command of the package starts the server as its child: they are a group of their own.
    if (this.#child.pid === undefined || this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    process.kill(-this.#child.pid, 'SIGKILL');
    await ended;
  }
}

async function started(child: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const collect = (chunk: string): void => {
      output += chunk;
      if (output.includes('Development mode should NOT be used')) resolve();
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`bao ended: ${output}`)));
  });
}
