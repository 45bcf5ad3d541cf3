/**
 * Keys in Google Cloud KMS.
 *
 * @module s2n-pkey/google
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { KeyManagementServiceClient } from '@google-cloud/kms';
import { closedError } from '../closed-error.ts';
import { object, requiredText } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { timeoutOption, withDeadline } from '../deadline.ts';
import { extraRequest } from '../extra-requests.ts';
import { checkOperation } from '../operation-check.ts';
import { peerPackage } from '../peer-package.ts';
import { kindOfKey } from '../schemes-of-key.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../signer.ts';
import { crc32c } from './crc32c.ts';
import { explainGoogleFailure, GoogleKmsError, statusOf, unavailable } from './google-error.ts';
import { keyAlgorithm, type KeyAlgorithm, type SignInput } from './key-algorithm.ts';

export { GoogleKmsError, type GoogleFault } from './google-error.ts';

export interface GoogleSignerOptions {
  /** Resource name of a version of a key: `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1`. */
  readonly keyVersion: string;
  /** Milliseconds for one signature; 5,000 unless given. */
  readonly timeout?: number;
  /** `ClientOptions` of `@google-cloud/kms`: credentials, endpoint. */
  readonly clientOptions?: object;
}

export const googleSchema = {
  keyVersion: requiredText({
    expected: 'projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N',
    pattern:
      /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+\/cryptoKeyVersions\/\d+$/,
    isSecret: false,
  }),
  clientOptions: object('an object, as @google-cloud/kms takes it', {}),
  timeout: timeoutOption,
} satisfies SchemaOf<GoogleSignerOptions>;

/** Milliseconds before the second attempt, drawn evenly, so that handshakes that failed together do not return together. */
const firstDelay = 10;
const longestDelay = 50;

/** Signs with one version of a key in Google Cloud KMS, under the one algorithm that it has. */
export class GoogleSigner implements Signer {
  /** Resource name of the version that signs. */
  readonly keyVersion: string;
  /** As Cloud KMS names it: `EC_SIGN_P256_SHA256`. */
  readonly algorithm: string;
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  readonly #algorithm: KeyAlgorithm;
  readonly #client: KeyManagementServiceClient;
  readonly #timeout: number;
  #closed = false;

  private constructor(
    keyVersion: string,
    key: { algorithm: KeyAlgorithm; publicKey: KeyObject },
    client: KeyManagementServiceClient,
    timeout: number,
  ) {
    this.keyVersion = keyVersion;
    this.algorithm = key.algorithm.name;
    this.publicKey = key.publicKey;
    this.schemes = key.algorithm.schemes;
    this.#algorithm = key.algorithm;
    this.#client = client;
    this.#timeout = timeout;
  }

  /**
   * Asks for the public key, and what the version signs.
   *
   * @throws InvalidOptionError
   * @throws GoogleKmsError
   * @throws S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` when @google-cloud/kms is not installed.
   */
  static async open(options: GoogleSignerOptions): Promise<GoogleSigner> {
    const { keyVersion, clientOptions, timeout } = readOptionsObject(
      googleSchema,
      options,
      'an object with a keyVersion',
    );
    const { KeyManagementServiceClient: Client } = await peerPackage(
      '@google-cloud/kms',
      () => import('@google-cloud/kms'),
    );
    const client = new Client({ ...clientOptions });
    try {
      const deadline = { timeout, timedOut: timedOut('GetPublicKey', keyVersion) };
      const key = await withDeadline(deadline, (signal) =>
        attempts('GetPublicKey', keyVersion, signal, () => askForKey(client, keyVersion, timeout)),
      );
      return new GoogleSigner(keyVersion, key, client, timeout);
    } catch (error) {
      void client.close().catch(() => undefined);
      throw error;
    }
  }

  /** As in `Signer`. Rejects with a GoogleKmsError. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.keyVersion);
    const facts = checkOperation(operation, this.schemes);
    const input = this.#algorithm.input(facts, Buffer.from(operation.input));
    const deadline = {
      signal,
      timeout: this.#timeout,
      timedOut: timedOut('AsymmetricSign', this.keyVersion),
    };
    return withDeadline(deadline, (ended) =>
      attempts('AsymmetricSign', this.keyVersion, ended, (isExtra) => {
        if (isExtra) extraRequest(this.publicKey);
        return this.#ask(input);
      }),
    );
  }

  /** Nothing is signed from now on; the connection to Cloud KMS is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#client.close().catch(() => undefined);
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #ask(input: SignInput): Promise<Uint8Array> {
    const [bytes = new Uint8Array()] = 'data' in input ? [input.data] : Object.values(input.digest);
    const checksum = { value: crc32c(bytes) };
    const [answer] = await this.#client.asymmetricSign(
      {
        name: this.keyVersion,
        ...input,
        ...('data' in input ? { dataCrc32c: checksum } : { digestCrc32c: checksum }),
      },
      callOptions(this.#timeout),
    );
    const { name, signature, signatureCrc32c, verifiedDigestCrc32c, verifiedDataCrc32c } = answer;
    if (name !== this.keyVersion) {
      throw new GoogleKmsError(
        'WRONG_KEY',
        `the answer of Cloud KMS is not used: ${this.keyVersion} was asked to sign, and ${String(name)} did`,
        { keyVersion: this.keyVersion },
      );
    }
    if (('data' in input ? verifiedDataCrc32c : verifiedDigestCrc32c) !== true) {
      throw changed(this.keyVersion, 'what was to be signed was changed on its way there');
    }
    if (!(signature instanceof Uint8Array) || signature.length === 0) {
      throw changed(this.keyVersion, 'it has no signature');
    }
    if (numberOf(signatureCrc32c) !== crc32c(signature)) {
      throw changed(this.keyVersion, 'the signature was changed on its way here');
    }
    return Uint8Array.from(signature);
  }
}

async function askForKey(
  client: KeyManagementServiceClient,
  keyVersion: string,
  timeout: number,
): Promise<{ algorithm: KeyAlgorithm; publicKey: KeyObject }> {
  const [answer] = await client.getPublicKey({ name: keyVersion }, callOptions(timeout));
  const { name, pem, pemCrc32c, algorithm: algorithmName } = answer;
  if (name !== keyVersion || typeof pem !== 'string') {
    throw new GoogleKmsError('WRONG_KEY', `asked for ${keyVersion}, Cloud KMS told of ${String(name)}`, {
      keyVersion,
    });
  }
  if (numberOf(pemCrc32c) !== crc32c(Buffer.from(pem))) {
    throw changed(keyVersion, 'the public key was changed on its way here');
  }
  const algorithm = keyAlgorithm(String(algorithmName));
  if (algorithm === undefined) {
    throw new GoogleKmsError(
      'KEY_ALGORITHM',
      `${keyVersion} is for ${String(algorithmName)}, which cannot be used here: make a key for ASYMMETRIC_SIGN with EC_SIGN_P256_SHA256, ` +
        'EC_SIGN_P384_SHA384, RSA_SIGN_PSS_2048_SHA256 or another RSA_SIGN',
      { keyVersion },
    );
  }
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(pem);
  } catch {
    throw changed(keyVersion, 'the public key cannot be read');
  }
  if (kindOfKey(publicKey)?.name !== algorithm.keyName) {
    throw changed(keyVersion, `the public key is not of ${algorithm.name}`);
  }
  return { algorithm, publicKey };
}

/** The client's own retries go on for ten minutes. */
function callOptions(timeout: number): { timeout: number; retry: null } {
  return { timeout, retry: null };
}

/** Asks, and once more where Cloud KMS was not available. */
async function attempts<T>(
  operation: string,
  keyVersion: string,
  signal: AbortSignal,
  act: (isExtra: boolean) => Promise<T>,
): Promise<T> {
  for (let mayRetry = true; ; mayRetry = false) {
    try {
      return await act(!mayRetry);
    } catch (cause) {
      if (mayRetry && statusOf(cause) === unavailable) {
        await wait(firstDelay + Math.random() * (longestDelay - firstDelay));
        if (!signal.aborted) continue;
      }
      throw explainGoogleFailure(cause, operation, keyVersion);
    }
  }
}

/** An Int64Value: the number itself, its text, or a Long. */
function numberOf(wrapped: { value?: unknown } | null | undefined): number {
  return Number(String(wrapped?.value));
}

function changed(keyVersion: string, what: string): GoogleKmsError {
  return new GoogleKmsError('UNUSABLE_ANSWER', `the answer of Cloud KMS is not used: ${what}`, {
    keyVersion,
  });
}

function timedOut(operation: string, keyVersion: string): (milliseconds: number) => GoogleKmsError {
  return (milliseconds) =>
    new GoogleKmsError('TIMEOUT', `${operation} with ${keyVersion} was not done within ${milliseconds} ms`, {
      keyVersion,
    });
}
