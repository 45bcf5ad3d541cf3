import type { KeyObject } from 'node:crypto';
import { SignCommand, type KMSClient } from '@aws-sdk/client-kms';
import { InvalidOptionError, SignerError } from '../errors.ts';
import { abortedError } from '../signer/aborted-error.ts';
import { checkOperation } from '../signer/operation-check.ts';
import type { SignatureScheme } from '../signer/signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../signer/signer.ts';
import { createHandshakeClient, type KmsClientOptions } from './kms-client.ts';
import { explainKmsFailure, KmsError } from './kms-error.ts';
import { checkKeyId, regionOfArn } from './key-id.ts';
import { signInput, type TlsKeySpec } from './key-spec.ts';
import { openKey, type OpenedKey } from './opened-key.ts';

export interface KmsSignerOptions extends KmsClientOptions {
  /** A key's id or ARN, or an alias' name or ARN, such as `alias/site`. */
  readonly keyId: string;
  /**
   * A client of your own, which stays as it is and yours to destroy. Its retries and time limits then count: the SDK's defaults
   * are made for patient callers. Not together with `region`, `endpoint` and `credentials`.
   */
  readonly client?: KMSClient;
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
  readonly #spec: TlsKeySpec;
  readonly #client: KMSClient;
  readonly #ownsClient: boolean;
  #closed = false;

  private constructor(key: OpenedKey, client: KMSClient, ownsClient: boolean) {
    this.keyArn = key.arn;
    this.keySpec = key.spec.name;
    this.publicKey = key.publicKey;
    this.schemes = key.schemes;
    this.#spec = key.spec;
    this.#client = client;
    this.#ownsClient = ownsClient;
  }

  /**
   * Finds the key and its public half.
   *
   * @throws InvalidOptionError naming the option.
   * @throws KmsError when KMS cannot be asked, or the key cannot sign for TLS: disabled, pending deletion, not SIGN_VERIFY
   *   (`ERR_S2N_PKEY_KMS_KEY_USAGE`), or of a spec that TLS does not use (`ERR_S2N_PKEY_KMS_KEY_SPEC`).
   */
  static async open(options: KmsSignerOptions): Promise<KmsSigner> {
    const { keyId, client, clientOptions } = checkOptions(options);
    const kms = client ?? createHandshakeClient(clientOptions);
    try {
      return new KmsSigner(await openKey(kms, keyId), kms, client === undefined);
    } catch (error) {
      if (client === undefined) kms.destroy();
      throw error;
    }
  }

  /**
   * As in `Signer`. Rejects with a KmsError, or with a SignerError `ERR_S2N_PKEY_SIGN_ABORTED` once `signal` is aborted,
   * `ERR_S2N_PKEY_SIGNER_CLOSED` after `close()`, or `ERR_S2N_PKEY_OPERATION_INVALID`.
   */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) {
      throw new SignerError(
        `the signer of ${this.keyArn} is closed: close it after the servers that use it`,
        {
          code: 'ERR_S2N_PKEY_SIGNER_CLOSED',
        },
      );
    }
    if (signal?.aborted) throw abortedError(signal);
    const facts = checkOperation(operation, this.schemes);
    const asked = signInput(this.#spec, facts, operation.input);
    if (asked === undefined)
      throw new TypeError(`${this.keySpec} has no signing algorithm for ${facts.name}`);
    const command = new SignCommand({
      KeyId: this.keyArn,
      Message: asked.message,
      MessageType: 'DIGEST',
      SigningAlgorithm: asked.algorithm,
    });
    const call = { operation: 'Sign', key: this.keyArn };
    try {
      const answer = await this.#client.send(command, signal === undefined ? {} : { abortSignal: signal });
      const { KeyId: keyArn, SigningAlgorithm: algorithm, Signature: signature } = answer;
      if (keyArn !== this.keyArn || algorithm !== asked.algorithm || !signature?.length) {
        throw new KmsError(
          'ERR_S2N_PKEY_KMS_WRONG_KEY',
          `the answer of KMS to Sign is not used: asked for ${asked.algorithm} with ${this.keyArn}, it has ` +
            `${signature?.length ?? 0} bytes of ${algorithm} with ${keyArn}. Check what stands between this machine and KMS: ` +
            'the endpoint, a proxy.',
          { operation: 'Sign', keyId: this.keyArn, requestId: answer.$metadata.requestId },
        );
      }
      return signature;
    } catch (cause) {
      if (signal?.aborted) throw abortedError(signal);
      throw explainKmsFailure(cause, call);
    }
  }

  /** @internal For control-plane calls about the same key (the doctor's). */
  get client(): KMSClient {
    return this.#client;
  }

  /** No signature is made from now on. The connections to KMS are closed, unless the client was given to `open`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#ownsClient) this.#client.destroy();
  }
}

function checkOptions(options: KmsSignerOptions): {
  keyId: string;
  client: KMSClient | undefined;
  clientOptions: KmsClientOptions;
} {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', "an object such as { keyId: 'alias/site' }", options);
  }
  const keyId = checkKeyId(options.keyId);
  const { client, region, endpoint, credentials } = options;
  if (client !== undefined) {
    if (typeof client !== 'object' || client === null || typeof client.send !== 'function') {
      throw new InvalidOptionError('client', 'a KMSClient of @aws-sdk/client-kms', client);
    }
    for (const [name, value] of Object.entries({ region, endpoint, credentials })) {
      if (value === undefined) continue;
      throw new InvalidOptionError(
        name,
        'nothing beside `client`, which has its own: give one or the other',
        value,
      );
    }
  }
  const arnRegion = regionOfArn(keyId);
  if (region !== undefined && arnRegion !== undefined && region !== arnRegion) {
    throw new InvalidOptionError('region', `the Region of the key's ARN, '${arnRegion}', or nothing`, region);
  }
  return {
    keyId,
    client,
    clientOptions: {
      ...((region ?? arnRegion) === undefined ? {} : { region: region ?? arnRegion ?? '' }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    },
  };
}
