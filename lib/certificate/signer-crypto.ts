import { createHash, verify } from 'node:crypto';
import { SignerError } from '../errors.ts';
import { messageRepresentative } from '../signers/ml-dsa.ts';
import type { SigningKey } from './signing-key.ts';
import type { X509Library } from './x509-library.ts';

/** The two halves of a key as far as @peculiar/x509 looks at them: there is no CryptoKey where a `Signer` has the key. */
export interface SignerKeyPair {
  readonly publicKey: { readonly type: 'public'; readonly algorithm: SigningKey['algorithm'] };
  readonly privateKey: { readonly type: 'private'; readonly algorithm: SigningKey['algorithm'] };
}

/**
 * The part of WebCrypto that @peculiar/x509 asks for when it makes certificates and requests, done by a `Signer`. Given to it
 * with each call: its global crypto provider is left as it is.
 */
export class SignerCrypto {
  readonly keys: SignerKeyPair;
  readonly subtle: {
    sign(algorithm: unknown, key: unknown, toBeSigned: ArrayBuffer): Promise<ArrayBuffer>;
    exportKey(format: string): Promise<ArrayBuffer>;
  };

  constructor(x509: X509Library, key: SigningKey, signal?: AbortSignal) {
    const { algorithm } = key;
    this.keys = { publicKey: { type: 'public', algorithm }, privateKey: { type: 'private', algorithm } };
    this.subtle = {
      sign: async (_algorithm, _key, toBeSigned) =>
        webCryptoSignature(x509, algorithm, await sign(key, new Uint8Array(toBeSigned), signal)),
      exportKey: async () => arrayBuffer(key.signer.publicKey.export({ format: 'der', type: 'spki' })),
    };
  }
}

/** Signs, and checks what came: a signer may be remote, and a certificate lives long. */
async function sign(
  { signer, scheme }: SigningKey,
  toBeSigned: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { hash } = scheme;
  const input =
    hash === undefined
      ? messageRepresentative(signer.publicKey.export({ format: 'der', type: 'spki' }), toBeSigned)
      : createHash(hash).update(toBeSigned).digest();
  const operation = { scheme: scheme.name, input, inputKind: scheme.inputKind };
  const signature = await signer.sign(operation, signal === undefined ? {} : { signal });
  if (!(signature instanceof Uint8Array) || !verify(hash ?? null, toBeSigned, signer.publicKey, signature)) {
    throw new SignerError(
      `the signer's answer under ${scheme.name} is not a signature by its own public key: it was changed on its way, or the ` +
        'signer signs with another key than it says',
      { code: 'ERR_S2N_PKEY_SIGNATURE_INVALID' },
    );
  }
  return signature;
}

/** WebCrypto's ECDSA signatures are r and s side by side (IEEE P1363), a signer's are DER. */
function webCryptoSignature(
  x509: X509Library,
  algorithm: SigningKey['algorithm'],
  signature: Uint8Array,
): ArrayBuffer {
  const bytes = arrayBuffer(signature);
  return algorithm.name === 'ECDSA'
    ? (new x509.AsnEcSignatureFormatter().toWebSignature(algorithm, bytes) ?? bytes)
    : bytes;
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
