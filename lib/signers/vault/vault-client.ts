import { setTimeout as wait } from 'node:timers/promises';
import { explainAnswer, explainNoAnswer, VaultError } from './vault-error.ts';
import type { TokenSource } from './token-source.ts';

/** What the client needs of `fetch`. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal },
) => Promise<FetchAnswer>;

export interface FetchAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Bytes of an answer, at most: a signature has a few hundred. Keys with many versions have the most. */
const longestAnswer = 4_194_304;

/** Attempts at most, within the deadline. */
const attempts = 4;
/** Milliseconds before the second attempt, at most; doubled with each. Drawn at random, so that requests that failed together return apart. */
const firstDelay = 50;

/**
 * Answers of a server that may do it the next time: a standby that lags behind (412), a quota, and every fault on the server's side
 * (a change of the active node answers 500 for a moment).
 */
function mayPass({ status, code, cause }: VaultError): boolean {
  if (cause instanceof RangeError) return false; // An answer that is too long.
  if (code === 'ERR_S2N_PKEY_VAULT_KEY_VERSION' || code === 'ERR_S2N_PKEY_VAULT_UNUSABLE_ANSWER')
    return false;
  return status === undefined || status === 412 || status === 429 || status >= 500;
}

/** Does not reject: whoever waits looks at the signal itself. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal }).catch(() => undefined);
}

/** Vault's HTTP API, as far as a signer needs it. */
export class VaultClient {
  readonly address: string;
  readonly #namespace: string | undefined;
  readonly #fetch: Fetch;
  readonly #tokens: TokenSource;

  constructor(address: string, namespace: string | undefined, fetch: Fetch, tokens: TokenSource) {
    this.address = address;
    this.#namespace = namespace;
    this.#fetch = fetch;
    this.#tokens = tokens;
  }

  /**
   * The `data` of the answer (`auth` for tokens' renewal). Asks again, a few times within the deadline, where the server was not reached or
   * not ready, and once with a new token where the token is refused and there is a way to another.
   *
   * @throws VaultError
   */
  async ask(
    method: 'GET' | 'POST',
    operation: string,
    body: object | undefined,
    signal: AbortSignal,
    asksAgain: () => void = () => undefined,
  ): Promise<Readonly<Record<string, unknown>>> {
    let token = await this.#tokens.current();
    let mayRenew = true;
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) asksAgain();
      try {
        return await this.#ask(method, operation, body, token, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof VaultError)) throw error;
        if (error.status === 403 && mayRenew) {
          const another = await this.#tokens.after(token);
          if (another === undefined) throw error;
          token = another;
          mayRenew = false;
          continue;
        }
        if (!mayPass(error) || attempt >= attempts) throw error;
        await pause(firstDelay * 2 ** (attempt - 1) * (0.2 + 0.8 * Math.random()), signal);
        if (signal.aborted) throw error;
      }
    }
  }

  async #ask(
    method: string,
    operation: string,
    body: object | undefined,
    token: string,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    let status: number;
    let text: string;
    try {
      const answer = await this.#fetch(`${this.address}/v1/${operation}`, {
        method,
        headers: {
          'x-vault-token': token,
          'x-vault-request': 'true', // Agents that stand between ask for it.
          'content-type': 'application/json',
          ...(this.#namespace === undefined ? {} : { 'x-vault-namespace': this.#namespace }),
        },
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      ({ status } = answer);
      text = await readText(answer);
    } catch (cause) {
      throw explainNoAnswer(cause, this.address, operation);
    }
    const json = parse(text);
    if (status !== 200) throw explainAnswer(status, errorsOf(json), operation);
    const data: unknown = json?.['data'] ?? json?.['auth'];
    if (typeof data === 'object' && data !== null) return data as Record<string, unknown>;
    throw unusable(operation, 'it is no JSON with data');
  }
}

/** An answer that cannot be used. */
export function unusable(operation: string, what: string): VaultError {
  return new VaultError(
    'UNUSABLE_ANSWER',
    `the answer to ${operation} cannot be used: ${what}. Check the address, and what stands between this machine and the server.`,
    { operation },
  );
}

async function readText({ body }: FetchAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > longestAnswer) throw new RangeError(`the answer has more than ${longestAnswer} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function errorsOf(json: Readonly<Record<string, unknown>> | undefined): string[] {
  const errors: unknown = json?.['errors'];
  return Array.isArray(errors) ? errors.filter((one): one is string => typeof one === 'string') : [];
}
