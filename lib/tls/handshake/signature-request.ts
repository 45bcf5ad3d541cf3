import type { SignatureAdmission } from '../../signers/admission/signature-admission.ts';
import type { SignaturePlace } from '../../signers/admission/signature-place.ts';
import type { HandshakeObservation } from '../../observe/channels/handshake-observation.ts';
import { SignerError } from '../../errors.ts';
import type { SignatureAsked } from '../../native/events.ts';
import { certificateVerifyContent, type HandshakeRole } from '../../signers/certificate-verify.ts';
import { cancellableOptions, type Cancellation } from '../../signers/cancellation.ts';
import { recordOf } from '../../signers/signer-record.ts';
import { signatureSchemeByCode } from '../../signers/signature-scheme.ts';
import type { PrivateKeyOperation, Signer } from '../../signers/signer.ts';

/** One private-key operation: waits for its turn, calls the signer, and can be aborted. */
export class SignatureRequest implements Cancellation {
  readonly #signer: Signer;
  readonly #operation: PrivateKeyOperation;
  readonly #observation: HandshakeObservation | undefined;
  readonly #admission: SignatureAdmission | undefined;
  readonly #remoteHost: string;
  #place: SignaturePlace | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;
  readonly #listeners: (() => void)[] = [];

  /**
   * @param role The side of the handshake that signs.
   * @param observation Publishes the signature; undefined if no diagnostics channel has a subscriber.
   * @param admission Limits signatures, in all and for each network of peers; undefined for no limit.
   * @param remoteHost The address of the peer, by which `admission` finds its network.
   * @throws SignerError for a scheme outside the table (SHA-1, SHA-224), which no configuration offers.
   */
  constructor(
    signer: Signer,
    { schemeCode, input, transcriptHash }: Pick<SignatureAsked, 'schemeCode' | 'input' | 'transcriptHash'>,
    role: HandshakeRole,
    observation: HandshakeObservation | undefined,
    admission?: SignatureAdmission,
    remoteHost = '',
  ) {
    const facts = signatureSchemeByCode(schemeCode);
    if (!facts) {
      throw new SignerError(
        `the handshake asked for signature scheme 0x${schemeCode.toString(16)}, which no signer makes`,
      );
    }
    this.#signer = signer;
    this.#observation = observation;
    this.#admission = admission;
    this.#remoteHost = remoteHost;
    const content = certificateVerifyContent(role, transcriptHash);
    this.#operation = { scheme: facts.name, input, inputKind: facts.inputKind, content };
  }

  /** Milliseconds that it waited for its turn; undefined while it waits, and without limits. */
  get queuedMs(): number | undefined {
    return this.#place?.queuedMs;
  }

  /** Resolves to the bytes of a signature, which the engine verifies. Rejects with a SignerError. */
  async run(): Promise<Uint8Array> {
    if (!this.#admission) return await this.#sign();
    const place = this.#admission.enter(this.#remoteHost);
    this.#place = place;
    if (place.admitted) await place.admitted;
    try {
      return await this.#sign();
    } catch (error) {
      place.failed(error);
      throw error;
    } finally {
      place.leave();
    }
  }

  #sign(): Promise<Uint8Array> {
    if (!this.#observation) return this.#ask();
    return this.#observation.sign(this.#operation.scheme, () => this.#ask());
  }

  async #ask(): Promise<Uint8Array> {
    const record = recordOf(this.#signer);
    try {
      const signature = await this.#askSigner();
      record.succeeded();
      return signature;
    } catch (error) {
      if (!this.aborted) record.failed(error);
      throw error;
    }
  }

  async #askSigner(): Promise<Uint8Array> {
    const { scheme } = this.#operation;
    let signature: unknown;
    try {
      signature = await this.#signer.sign(
        this.#operation,
        cancellableOptions(this, () => this.#signal()),
      );
    } catch (cause) {
      if (cause instanceof SignerError) throw cause;
      const why = cause instanceof Error ? cause.message : `it rejected with ${String(cause)}`;
      throw new SignerError(`the signer failed to sign with ${scheme}: ${why}`, { cause });
    }
    if (!(signature instanceof Uint8Array) || signature.length === 0) {
      const given = signature instanceof Uint8Array ? 'no bytes' : `a value of type ${typeof signature}`;
      throw new SignerError(
        `the signer must resolve to the bytes of a signature (Uint8Array); it gave ${given}`,
      );
    }
    return signature;
  }

  /** The handshake no longer needs the signature. */
  abort(reason: Error): void {
    this.#aborted = reason;
    this.#place?.abandon(reason);
    this.#controller?.abort(reason);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  get reason(): Error | undefined {
    return this.#aborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }
}
