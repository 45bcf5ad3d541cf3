/**
 * Keys in the Transit engine of HashiCorp Vault or OpenBao.
 *
 * @module s2n-pkey/vault
 */
import type { KeyObject } from 'node:crypto';
import type { SignerError } from '../../errors.ts';
import { pemText } from '../../pem/pem-text.ts';
import { closedError } from '../closed-error.ts';
import { anything, wholeNumber } from '../../options/kinds.ts';
import { readOptionsObject, refusal, type SchemaOf } from '../../options/option.ts';
import { timeoutOption, withDeadline } from '../deadline.ts';
import { extraRequest } from '../extra-requests.ts';
import { checkOperation } from '../operation-check.ts';
import { schemesOfKey } from '../schemes-of-key.ts';
import type { SignatureScheme, SignatureSchemeFacts } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../signer.ts';
import { TokenRenewal } from './token-renewal.ts';
import type { TokenSource } from './token-source.ts';
import { chooseVersion, readCertificate, type TransitKey, type VersionChoice } from './transit-key.ts';
import { unusable, type VaultClient } from './vault-client.ts';
import { VaultError } from './vault-error.ts';
import { clientOf, vaultKeySchema, withEnvironment, type VaultKeyOptions } from './vault-key-options.ts';

export { VaultError, type VaultFault } from './vault-error.ts';
export type { Fetch, FetchAnswer } from './vault-client.ts';
export type { TokenOption } from './token-source.ts';
export type { VaultKeyOptions } from './vault-key-options.ts';

export interface VaultSignerOptions extends VaultKeyOptions {
  /** The version of the key that signs; unless given, that of `certificate`, or the latest. */
  readonly keyVersion?: number;
  /** PEM. The version of the key that it is for is the one that signs. */
  readonly certificate?: string | Uint8Array;
  /** Milliseconds for one signature; 5,000 unless given. */
  readonly timeout?: number;
}

export const vaultSchema = {
  ...vaultKeySchema,
  keyVersion: { ...wholeNumber({ least: 1 }), expected: 'the number of a version, 1 or more' },
  certificate: anything<string | Uint8Array | undefined>({
    ...{ type: 'string | Uint8Array', expected: 'a PEM certificate' },
    fits: (value) => pemText(value) !== undefined,
  }),
  timeout: timeoutOption,
} satisfies SchemaOf<VaultSignerOptions>;

/**
 * Signs with one version of a key in Vault's or OpenBao's Transit engine. Needs `read` on `transit/keys/NAME` once, and `update` on
 * `transit/sign/NAME/*` for every signature. A key that is rotated changes nothing until the signer is opened again.
 */
export class VaultSigner implements Signer {
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  /** The version that signs. */
  readonly keyVersion: number;
  readonly #client: VaultClient;
  readonly #renewal: TokenRenewal | undefined;
  /** As in `transit/sign/site`. */
  readonly #path: string;
  readonly #timeout: number;
  #closed = false;

  private constructor(
    key: TransitKey,
    client: VaultClient,
    renewal: TokenRenewal | undefined,
    path: string,
    timeout: number,
  ) {
    this.publicKey = key.publicKey;
    this.schemes = schemesOfKey(key.kind);
    this.keyVersion = key.version;
    this.#client = client;
    this.#renewal = renewal;
    this.#path = path;
    this.#timeout = timeout;
  }

  /**
   * Finds the key and its public half.
   *
   * @throws InvalidOptionError
   * @throws VaultError `ERR_S2N_PKEY_VAULT_…`: see docs/api/errors.md.
   */
  static async open(options: VaultSignerOptions): Promise<VaultSigner> {
    const { key, mount, client, tokens, renew, choice, timeout } = checkOptions(options);
    const operation = `${mount}/keys/${key}`;
    const data = await withDeadline({ timeout, timedOut: timedOut(operation) }, (signal) =>
      client.ask('GET', operation, undefined, signal),
    );
    const version = chooseVersion(data, key, choice);
    const renewal = renew && tokens.fixed ? new TokenRenewal(client) : undefined;
    void renewal?.start();
    return new VaultSigner(version, client, renewal, `${mount}/sign/${key}`, timeout);
  }

  /** As in `Signer`. Rejects with a VaultError. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.#path);
    const facts = checkOperation(operation, this.schemes);
    const path = `${this.#path}/${hashes[facts.hash ?? 'sha256']}`;
    const body = {
      input: Buffer.from(operation.input).toString('base64'),
      prehashed: true,
      key_version: this.keyVersion,
      ...algorithms[facts.algorithm],
    };
    const { signature } = await withDeadline(
      { signal, timeout: this.#timeout, timedOut: timedOut(path) },
      (ended) => this.#client.ask('POST', path, body, ended, () => extraRequest(this.publicKey)),
    );
    return this.#read(signature, path);
  }

  /** Nothing is signed from now on; the token is not renewed any more. */
  close(): void {
    this.#closed = true;
    this.#renewal?.stop();
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `vault:v3:BASE64`, of the version that was asked for. */
  #read(signature: unknown, path: string): Uint8Array {
    const match = typeof signature === 'string' ? /^vault:v(\d+):([A-Za-z0-9+/]+=*)$/.exec(signature) : null;
    if (match === null) throw unusable(path, 'it has no signature that begins with vault:v');
    const [, version, base64 = ''] = match;
    if (Number(version) !== this.keyVersion) {
      throw new VaultError(
        'WRONG_KEY',
        `version ${this.keyVersion} of the key was asked to sign, and version ${version} did: it is not used`,
        { operation: path, status: 200 },
      );
    }
    return Uint8Array.from(Buffer.from(base64, 'base64'));
  }
}

const hashes = { sha256: 'sha2-256', sha384: 'sha2-384', sha512: 'sha2-512' } as const;

const algorithms: Readonly<Record<SignatureSchemeFacts['algorithm'], object>> = {
  ecdsa: { marshaling_algorithm: 'asn1' },
  'rsa-pss': { signature_algorithm: 'pss', salt_length: 'hash' },
  'rsa-pkcs1': { signature_algorithm: 'pkcs1v15' },
  mldsa: {},
};

function timedOut(operation: string): (milliseconds: number) => SignerError {
  return (milliseconds) =>
    new VaultError('TIMEOUT', `${operation} was not answered within ${milliseconds} ms`, { operation });
}

function checkOptions(options: VaultSignerOptions): {
  key: string;
  mount: string;
  client: VaultClient;
  tokens: TokenSource;
  renew: boolean;
  choice: VersionChoice;
  timeout: number;
} {
  const whole = withEnvironment(options);
  const read = readOptionsObject(vaultSchema, whole, "an object such as { key: 'site' }");
  const { key, mount, renewToken, keyVersion, timeout } = read;
  if (keyVersion !== undefined && read.certificate !== undefined) {
    const expected = 'nothing beside certificate, which says the version';
    throw refusal('keyVersion', vaultSchema.keyVersion, keyVersion, expected);
  }
  return {
    ...{ key, mount, renew: renewToken, timeout, ...clientOf(read) },
    choice: { keyVersion, certificate: readCertificate(read.certificate) },
  };
}
