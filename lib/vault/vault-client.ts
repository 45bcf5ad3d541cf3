import { explainAnswer, explainNoAnswer, VaultError } from './vault-error.ts';
import type { TokenSource } from './token-source.ts';

/** What the client needs of `fetch`. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal },
) => Promise<FetchAnswer>;

interface FetchAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Bytes of an answer, at most: a signature has a few hundred. Keys with many versions have the most. */
const longestAnswer = 4_194_304;

/** Milliseconds before the second attempt, drawn evenly, so that handshakes that failed together do not return together. */
const firstDelay = 10;
const longestDelay = 50;

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
   * The `data` of the answer (`auth` for tokens' renewal). Asks once more where the server was not reached or not ready, and with a new
   * token where the token is refused and there is a way to another.
   *
   * @throws VaultError
   */
  async ask(
    method: 'GET' | 'POST',
    operation: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const token = await this.#tokens.current();
    try {
      return await this.#ask(method, operation, body, token, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof VaultError)) throw error;
      if (error.status === 403) {
        const another = await this.#tokens.after(token);
        if (another === undefined) throw error;
        return this.#ask(method, operation, body, another, signal);
      }
      if (error.status !== undefined && ![429, 502, 503, 504].includes(error.status)) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, firstDelay + Math.random() * (longestDelay - firstDelay));
      });
      if (signal.aborted) throw error;
      return this.#ask(method, operation, body, token, signal);
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
