import type { HandshakeObservation } from '../channels/handshake-observation.ts';
import { SignerError } from '../errors.ts';
import { signatureSchemeByCode } from '../signer/signature-scheme.ts';
import type { PrivateKeyOperation, Signer } from '../signer/signer.ts';

/**
 * One private-key operation on its way to a signer. The AbortSignal is made only if the signer asks for it: most never
 * abort, and making one costs more than the rest of the crossing.
 */
export class SignatureRequest {
  readonly #signer: Signer;
  readonly #operation: PrivateKeyOperation;
  readonly #observation: HandshakeObservation | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  /** @throws SignerError for a scheme outside the table (SHA-1, SHA-224), which configuration rules out. */
  constructor(
    signer: Signer,
    schemeCode: number,
    input: Uint8Array,
    observation: HandshakeObservation | undefined,
  ) {
    const facts = signatureSchemeByCode(schemeCode);
    if (!facts) {
      throw new SignerError(
        `the handshake asked for signature scheme 0x${schemeCode.toString(16)}, which no signer makes`,
      );
    }
    this.#signer = signer;
    this.#observation = observation;
    this.#operation = { scheme: facts.name, input, inputKind: facts.inputKind };
  }

  /** Resolves to a signature that is at least bytes; everything else is a SignerError. */
  run(): Promise<Uint8Array> {
    if (!this.#observation) return this.#ask();
    return this.#observation.sign(this.#operation.scheme, () => this.#ask());
  }

  async #ask(): Promise<Uint8Array> {
    const { scheme } = this.#operation;
    let signature: unknown;
    try {
      const request = this as SignatureRequest;
      signature = await this.#signer.sign(this.#operation, {
        get signal() {
          return request.#signal();
        },
      });
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

  /** The answer is no longer wanted. */
  abort(reason: Error): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }
}
