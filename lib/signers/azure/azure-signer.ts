/**
 * Keys in Azure Key Vault or a Managed HSM.
 *
 * @module s2n-pkey/azure
 */
import type { KeyObject } from 'node:crypto';
import type { CryptographyClient } from '@azure/keyvault-keys';
import { curveOfKind } from '../curves.ts';
import { closedError } from '../closed-error.ts';
import { anything, object, requiredText } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { timeoutOption, withDeadline } from '../deadline.ts';
import { derOfRawEcdsa } from '../ecdsa-signature.ts';
import { fitEcdsaDigest } from '../ecdsa-digest.ts';
import { checkOperation } from '../operation-check.ts';
import { peerPackage } from '../peer-package.ts';
import { schemesOfKey, type KeyKind } from '../schemes-of-key.ts';
import type { SignatureScheme, SignatureSchemeFacts } from '../signature-scheme.ts';
import { forgetQuota, rememberQuota } from '../signature-quota.ts';
import type { PrivateKeyOperation, SignatureQuota, Signer, SignOptions } from '../signer.ts';
import { AzureKeyVaultError, explainAzureFailure } from './azure-error.ts';
import { checkAzureKey, type AzureKey } from './azure-key.ts';

export { AzureKeyVaultError, type AzureFault } from './azure-error.ts';

/** A `TokenCredential` of `@azure/core-auth`, such as `new DefaultAzureCredential()` of `@azure/identity`. */
export interface AzureCredential {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

export interface AzureSignerOptions {
  /** The key's identifier, with a version or without (then the latest): `https://VAULT.vault.azure.net/keys/NAME/VERSION`. */
  readonly keyId: string;
  readonly credential: AzureCredential;
  /** Milliseconds for one signature; 5,000 unless given. */
  readonly timeout?: number;
  /** `CryptographyClientOptions` of `@azure/keyvault-keys`: retries, proxy, TLS. */
  readonly clientOptions?: object;
}

const keyIdPattern =
  /^(https:\/\/[A-Za-z0-9.-]+(?::\d+)?)\/keys\/([A-Za-z0-9-]{1,127})(?:\/([A-Za-z0-9]{1,64}))?\/?$/;

export const azureSchema = {
  keyId: requiredText({
    expected: 'the identifier of a key, such as https://VAULT.vault.azure.net/keys/NAME or …/NAME/VERSION',
    pattern: keyIdPattern,
    isSecret: false,
  }),
  credential: anything<AzureCredential>({
    type: 'TokenCredential',
    expected: 'a TokenCredential, such as new DefaultAzureCredential() of @azure/identity',
    isRequired: true,
    fits: (value) => typeof (value as Partial<AzureCredential> | null)?.getToken === 'function',
  }),
  clientOptions: object('an object, as @azure/keyvault-keys takes it', {}),
  timeout: timeoutOption,
} satisfies SchemaOf<AzureSignerOptions>;

type Algorithm = 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'PS384' | 'PS512' | 'RS256' | 'RS384' | 'RS512';

/** A second attempt soon: a handshake lives a few seconds. The client's own three wait for seconds. */
const retryOptions = { maxRetries: 1, retryDelayInMs: 20, maxRetryDelayInMs: 300 };

/** Signs with one version of a key in Azure Key Vault. Needs the permissions `get`, once, and `sign`. */
export class AzureSigner implements Signer {
  /** The identifier of the version that signs. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  /** What Key Vault allows the vault of a key of this kind: servers limit themselves by it (`signatureLimits`). */
  readonly quota: SignatureQuota;
  readonly #kind: KeyKind;
  readonly #client: CryptographyClient;
  readonly #timeout: number;
  #closed = false;

  private constructor(key: AzureKey, client: CryptographyClient, timeout: number) {
    this.keyId = key.id;
    this.publicKey = key.publicKey;
    this.schemes = schemesOfKey(key.kind);
    this.quota = key.quota;
    this.#kind = key.kind;
    this.#client = client;
    this.#timeout = timeout;
    rememberQuota(this);
  }

  /**
   * Finds the key and its public half. The version is chosen now: a key that is rotated later changes nothing.
   *
   * @throws InvalidOptionError
   * @throws AzureKeyVaultError
   * @throws S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` when @azure/keyvault-keys is not installed.
   */
  static async open(options: AzureSignerOptions): Promise<AzureSigner> {
    const { vaultUrl, name, version, keyId, credential, clientOptions, timeout } = checkOptions(options);
    const { KeyClient, CryptographyClient } = await peerPackage(
      '@azure/keyvault-keys',
      () => import('@azure/keyvault-keys'),
    );
    const clients = { retryOptions, ...clientOptions };
    const credentials = told(credential, keyId);
    const keys = new KeyClient(vaultUrl, credentials, clients);
    const deadline = { timeout, timedOut: timedOut('get', keyId) };
    const key = await withDeadline(deadline, async (abortSignal) => {
      try {
        return await keys.getKey(name, version === undefined ? { abortSignal } : { version, abortSignal });
      } catch (cause) {
        throw explainAzureFailure(cause, 'get', keyId);
      }
    });
    const checked = checkAzureKey(key, keyId);
    return new AzureSigner(checked, new CryptographyClient(key, credentials, clients), timeout);
  }

  /** As in `Signer`. Rejects with an AzureKeyVaultError. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.keyId);
    const facts = checkOperation(operation, this.schemes);
    const { name } = this.#kind;
    const algorithm = this.#algorithm(facts);
    const digest =
      facts.algorithm === 'ecdsa'
        ? fitEcdsaDigest(operation.input, curveOfKind(name).digestLength)
        : operation.input;
    const deadline = { signal, timeout: this.#timeout, timedOut: timedOut('sign', this.keyId) };
    const result = await withDeadline(deadline, (ended) => this.#ask(algorithm, digest, ended));
    if (facts.algorithm === 'ecdsa') return derOfRawEcdsa(result, curveOfKind(name).fieldLength); // RFC 7518 §3.4
    return result;
  }

  /** Nothing is signed from now on. */
  close(): void {
    this.#closed = true;
    forgetQuota(this);
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #ask(algorithm: Algorithm, digest: Uint8Array, abortSignal: AbortSignal): Promise<Uint8Array> {
    let answeredBy: unknown;
    const onResponse = ({ bodyAsText }: { bodyAsText?: string | null }): void => {
      answeredBy = keyOf(bodyAsText);
    };
    let result: unknown;
    try {
      ({ result } = await this.#client.sign(algorithm, digest, { abortSignal, onResponse }));
    } catch (cause) {
      throw explainAzureFailure(cause, 'sign', this.keyId);
    }
    if (answeredBy !== this.keyId || !(result instanceof Uint8Array) || result.length === 0) {
      throw new AzureKeyVaultError(
        'WRONG_KEY',
        `the answer of Key Vault is not used: ${this.keyId} was asked to sign, and ${String(answeredBy)} did. Check what stands ` +
          'between this machine and Key Vault.',
        { keyId: this.keyId, status: 200 },
      );
    }
    return Uint8Array.from(result);
  }

  /** As in RFC 7518 §3.1. An EC key signs under one, whatever the hash of the scheme. */
  #algorithm({ algorithm, hash = 'sha256' }: SignatureSchemeFacts): Algorithm {
    const bits = (algorithm === 'ecdsa' ? (this.#kind.hash ?? '') : hash).slice('sha'.length) as
      '256' | '384' | '512';
    if (algorithm === 'ecdsa') return `ES${bits}`;
    return algorithm === 'rsa-pss' ? `PS${bits}` : `RS${bits}`;
  }
}

/** The same credential, whose failures can be told from those of requests. */
function told(credential: AzureCredential, keyId: string): AzureCredential {
  const fault = (why: string, facts: object): AzureKeyVaultError =>
    new AzureKeyVaultError(
      'CREDENTIALS',
      `the credential gave no token: ${why}. Give one that is valid in the tenant of the vault.`,
      { keyId, ...facts },
    );
  return {
    async getToken(scopes, options) {
      let token;
      try {
        token = await credential.getToken(scopes, options);
      } catch (cause) {
        throw fault(cause instanceof Error ? cause.message : String(cause), { cause });
      }
      if (token === null) throw fault('it resolved to null', {});
      return token;
    },
  };
}

/** `kid` of an answer: which key has signed. */
function keyOf(body: string | null | undefined): unknown {
  try {
    return (JSON.parse(body ?? '') as { kid?: unknown } | null)?.kid;
  } catch {
    return undefined;
  }
}

function timedOut(operation: string, keyId: string): (milliseconds: number) => AzureKeyVaultError {
  return (milliseconds) =>
    new AzureKeyVaultError('TIMEOUT', `${operation} with ${keyId} was not done within ${milliseconds} ms`, {
      keyId,
    });
}

function checkOptions(options: AzureSignerOptions): {
  vaultUrl: string;
  name: string;
  version: string | undefined;
  keyId: string;
  credential: AzureCredential;
  clientOptions: object;
  timeout: number;
} {
  const read = readOptionsObject(azureSchema, options, 'an object such as { keyId, credential }');
  const [, vaultUrl = '', name = '', version] = keyIdPattern.exec(read.keyId) ?? [];
  return { ...read, vaultUrl, name, version };
}
