import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { localSigner } from '../../certificate/signers.ts';
import { identity } from '../../fixtures/identity.ts';
import type { SignatureScheme } from '../../../lib/signers/signature-scheme.ts';
import { keyPair, type KeyName } from '../key-pairs.ts';

/** A request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** How the next answers are to differ. */
export type Misbehaviour = (request: Seen, response: ServerResponse) => boolean;

/**
 * Azure Key Vault's REST API as far as signers use it, over https: GET key, POST sign, and its challenge for a token (401 with
 * WWW-Authenticate), as "Authentication, requests and responses" of Key Vault's documentation has them.
 */
export class KeyVault {
  readonly #server: Server;
  readonly seen: Seen[] = [];
  misbehave: Misbehaviour | undefined;
  /** What the answer to GET has beside the key. */
  attributes: object = { enabled: true };
  keyOperations: string[] = ['sign', 'verify'];
  suffix = '';

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<KeyVault> {
    const { key, cert } = identity('P-256');
    const server = createServer({ key, cert });
    const vault = new KeyVault(server);
    server.on('request', (request, response) => {
      void vault.#answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return vault;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  keyId(name: KeyName): string {
    return `${this.url}/keys/${name}/0123456789abcdef0123456789abcdef`;
  }

  get authority(): string {
    return identity('P-256').cert;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body: unknown = Number(headers['content-length'] ?? 0) > 0 ? await json(request) : undefined;
    const seen = { method, url, authorization: headers.authorization, body };
    this.seen.push(seen);
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('x-ms-request-id', randomBytes(8).toString('hex'));
    if (seen.authorization !== 'Bearer a-token') {
      response.setHeader(
        'WWW-Authenticate',
        'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="https://vault.azure.net"',
      );
      fail(response, 401, 'Unauthorized', 'AKV10000: Request is missing a Bearer or PoP token.');
      return;
    }
    if (this.misbehave?.(seen, response) === true) return;
    const { pathname, searchParams } = new URL(url, this.url);
    if (!/^\d{4}-\d\d-\d\d$/.test(searchParams.get('api-version') ?? '')) {
      fail(response, 400, 'BadParameter', 'api-version must be specified');
      return;
    }
    const [, name = '', version, operation] =
      /^\/keys\/([^/]+)(?:\/([^/]*))?(?:\/(\w+))?$/.exec(pathname) ?? [];
    if (
      !/^(P|RSA)-\d+$/.test(name) ||
      (version !== undefined && version !== '' && !this.keyId(name as KeyName).endsWith(version))
    ) {
      fail(response, 404, 'KeyNotFound', `A key with (name/id) ${name} was not found in this key vault.`);
    } else if (method === 'GET') {
      response.end(JSON.stringify(this.#key(name as KeyName)));
    } else if (operation === 'sign') {
      await this.#sign(name as KeyName, body as { alg: string; value: string }, response);
    } else {
      fail(response, 400, 'BadParameter', 'Method not known');
    }
  }

  #key(name: KeyName): object {
    const jwk = keyPair(name).publicKey.export({ format: 'jwk' });
    const key = {
      ...jwk,
      kty: `${jwk.kty}${this.suffix}`,
      kid: this.keyId(name),
      key_ops: this.keyOperations,
    };
    return { key, attributes: { created: 1, updated: 1, recoveryLevel: 'Recoverable', ...this.attributes } };
  }

  /** Signs a digest that is of the algorithm's length, and answers base64url; ECDSA is r and s side by side. */
  async #sign(
    name: KeyName,
    { alg, value }: { alg: string; value: string },
    response: ServerResponse,
  ): Promise<void> {
    const digest = Buffer.from(value, 'base64url');
    const bits = alg.slice(2);
    if (digest.length * 8 !== Number(bits)) {
      fail(response, 400, 'BadParameter', `Invalid length of 'value': ${digest.length} bytes.`);
      return;
    }
    const curves: Record<string, string> = { '256': '256r1', '384': '384r1', '512': '521r1' };
    const family = { ES: `ecdsa_secp${curves[bits] ?? ''}_sha`, PS: 'rsa_pss_rsae_sha', RS: 'rsa_pkcs1_sha' }[
      alg.slice(0, 2)
    ];
    const scheme = `${family ?? ''}${bits}` as SignatureScheme;
    let signature = await localSigner(name).sign({ scheme, input: digest, inputKind: 'digest' });
    if (alg.startsWith('ES'))
      signature = sideBySide(signature, { '256': 32, '384': 48, '512': 66 }[bits] ?? 0);
    response.end(
      JSON.stringify({ kid: this.keyId(name), value: Buffer.from(signature).toString('base64url') }),
    );
  }
}

export function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response.statusCode = status;
  response.end(JSON.stringify({ error: { code, message } }));
}

function sideBySide(der: Uint8Array, length: number): Buffer {
  const raw = Buffer.alloc(2 * length);
  let at = (der[1] ?? 0) >= 0x80 ? 3 : 2;
  for (const end of [length, 2 * length]) {
    const size = der[at + 1] ?? 0;
    const digits = Buffer.from(der.subarray(at + 2, at + 2 + size)).subarray(Math.max(0, size - length));
    digits.copy(raw, end - digits.length);
    at += 2 + size;
  }
  return raw;
}
