import type { KeyObject } from 'node:crypto';
import type { KMSClient } from '@aws-sdk/client-kms';
import { readCircuitBreaker, type CircuitBreaker } from '../admission/circuit-breaker.ts';
import { InvalidOptionError, SignerError } from '../../errors.ts';
import { cancellationOf } from '../cancellation.ts';
import { abortedError } from '../aborted-error.ts';
import { closedError } from '../closed-error.ts';
import { extraRequest, throttledRequest } from '../extra-requests.ts';
import { checkOperation } from '../operation-check.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignerState, SignOptions } from '../signer.ts';
import { createHandshakeClient } from './client/kms-client.ts';
import { explainKmsFailure, KmsError } from './client/kms-error.ts';
import { signInput, type TlsKeySpec } from './keys/key-spec.ts';
import { checkSignerOptions, type KmsSignerOptions } from './kms-signer-options.ts';
import { openKey, type OpenedKey } from './keys/opened-key.ts';
import { openRequests, type OpenedRequests } from './signing/open-requests.ts';
import { openWorker } from './signing/worker/worker-requests.ts';

export type { Hedging, KmsSignerOptions, SigningLimitOptions } from './kms-signer-options.ts';

const warnedOf = new Set<string>();

/** Once for each reason. */
function warnOfSdk(reason: string): void {
  if (warnedOf.has(reason)) return;
  warnedOf.add(reason);
  process.emitWarning(
    `signatures are requested through the AWS SDK, which takes several times as much of the event loop: ${reason}. ` +
      "Remove what it names, or give `requests: 'sdk'` to KmsSigner.open",
    { code: 'S2N_PKEY_KMS_SDK' },
  );
}

/**
 * Signs with an asymmetric key in AWS KMS. Needs `kms:GetPublicKey` once, when it is opened, and `kms:Sign` for every signature.
 *
 * An alias is resolved to the key's ARN when the signer is opened, and the ARN is what signs from then on: an alias that is moved
 * later changes nothing until it is opened again, with the certificate of the new key.
 */
export class KmsSigner implements Signer {
  /** The ARN of the key that signs. */
  readonly keyArn: string;
  /** As KMS names it: `ECC_NIST_P384`. */
  readonly keySpec: string;
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  /** Why signatures are asked for by way of the AWS SDK; undefined when they are not, and so take less of the event loop. */
  readonly sdkReason: string | undefined;
  /** Per account and Region, unless it was raised: servers limit themselves by it (`signatureLimits`). */
  readonly quota = defaultQuota;
  /** @internal KMS refused a request for its rate. */
  onThrottle = (): void => throttledRequest(this.publicKey);
  readonly #spec: TlsKeySpec;
  readonly #client: KMSClient;
  readonly #ownsClient: boolean;
  readonly #requests: OpenedRequests['requests'];
  readonly #breaker: CircuitBreaker | undefined;
  #closed = false;

  private constructor(
    key: OpenedKey,
    client: KMSClient,
    ownsClient: boolean,
    { requests, reason }: OpenedRequests,
    breaker: CircuitBreaker | undefined,
  ) {
    this.keyArn = key.arn;
    this.keySpec = key.spec.name;
    this.publicKey = key.publicKey;
    this.schemes = key.schemes;
    this.#spec = key.spec;
    this.#client = client;
    this.#ownsClient = ownsClient;
    this.#requests = requests;
    requests.onExtraRequest = () => extraRequest(key.publicKey);
    requests.onThrottle = () => this.onThrottle();
    this.sdkReason = reason;
    this.#breaker = breaker;
  }

  /**
   * Finds the key and its public half.
   *
   * @throws InvalidOptionError naming the option.
   * @throws KmsError when KMS cannot be asked, or the key cannot sign for TLS: disabled, pending deletion, not SIGN_VERIFY
   *   (`ERR_S2N_PKEY_KMS_KEY_USAGE`), or of a spec that TLS does not use (`ERR_S2N_PKEY_KMS_KEY_SPEC`).
   */
  static async open(options: KmsSignerOptions): Promise<KmsSigner> {
    const { keyId, client, clientOptions, requests, thread, limits } = checkSignerOptions(options);
    const breaker = readCircuitBreaker(options.circuitBreaker);
    const isOwn = client === undefined;
    const kms = client ?? createHandshakeClient(clientOptions);
    try {
      const key = await openKey(kms, keyId);
      if (breaker) breaker.key = key.arn;
      const fast = requests !== 'sdk';
      const opened =
        thread === 'worker'
          ? await openWorker(kms, key.arn, clientOptions, { limits, fast })
          : await openRequests(kms, key.arn, limits, { isOwn, fast });
      if (requests === 'fast' && opened.reason !== undefined) {
        const expected = `'sdk' or nothing, since ${opened.reason}`;
        throw new InvalidOptionError('requests', expected, requests);
      }
      if (fast && opened.reason !== undefined) warnOfSdk(opened.reason);
      return new KmsSigner(key, kms, isOwn, opened, breaker);
    } catch (error) {
      if (isOwn) kms.destroy();
      throw error;
    }
  }

  /**
   * As in `Signer`. Rejects with a KmsError, or with a SignerError `ERR_S2N_PKEY_SIGN_ABORTED` once `signal` is aborted,
   * `ERR_S2N_PKEY_SIGNER_CLOSED` after `close()`, `ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN` (a CircuitOpenError) while the circuit breaker
   * is open, or `ERR_S2N_PKEY_OPERATION_INVALID`.
   */
  async sign(operation: PrivateKeyOperation, options: SignOptions = {}): Promise<Uint8Array> {
    if (!this.#breaker) return await this.#sign(operation, options);
    return await this.#breaker.run(() => this.#sign(operation, options));
  }

  async #sign(operation: PrivateKeyOperation, options: SignOptions): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.keyArn);
    const signal = cancellationOf(options);
    if (signal?.aborted) throw abortedError(signal);
    const facts = checkOperation(operation, this.schemes);
    const asked = signInput(this.#spec, facts, operation.input);
    if (asked === undefined)
      throw new TypeError(`${this.keySpec} has no signing algorithm for ${facts.name}`);
    try {
      const answer = await this.#requests.sign(asked, signal);
      const { keyArn, algorithm, signature, requestId } = answer;
      if (keyArn !== this.keyArn || algorithm !== asked.algorithm || !signature?.length) {
        throw new KmsError(
          'ERR_S2N_PKEY_KMS_WRONG_KEY',
          `the answer of KMS to Sign is not used: asked for ${asked.algorithm} with ${this.keyArn}, it has ` +
            `${signature?.length ?? 0} bytes of ${algorithm} with ${keyArn}. Check what stands between this machine and KMS: ` +
            'the endpoint, a proxy.',
          { operation: 'Sign', keyId: this.keyArn, requestId },
        );
      }
      return signature;
    } catch (cause) {
      if (signal?.aborted) throw abortedError(signal);
      if (this.#closed) throw closedError(this.keyArn, cause);
      throw explainKmsFailure(cause, { operation: 'Sign', key: this.keyArn });
    }
  }

  /** As in `Signer`: not ready while the circuit breaker refuses, and after `close()`. */
  state(): SignerState {
    if (this.#closed) return { ready: false, reason: 'the signer is closed' };
    if (!this.#breaker || this.#breaker.admits) return { ready: true };
    const code = this.#breaker.failure instanceof SignerError ? ` (${this.#breaker.failure.code})` : '';
    return { ready: false, reason: `the circuit breaker of the signer is open${code}` };
  }

  /** @internal For control-plane calls about the same key (the doctor's). */
  get client(): KMSClient {
    return this.#client;
  }

  /**
   * No signature is made from now on, and those under way are rejected. The connections to KMS are closed, but not those of a client that
   * was given to `open`.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#requests.close();
    if (this.#ownsClient) this.#client.destroy();
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
