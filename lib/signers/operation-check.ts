import { describeValue, SignerError } from '../errors.ts';
import {
  signatureSchemeByName,
  type SignatureScheme,
  type SignatureSchemeFacts,
} from './signature-scheme.ts';
import type { PrivateKeyOperation } from './signer.ts';

/**
 * What is known of the operation's scheme, once it is certain that a signer with these `schemes` can do it: that the scheme
 * is one of them, and that the input is of the kind and length that it asks for.
 *
 * @throws SignerError `ERR_S2N_PKEY_OPERATION_INVALID`.
 */
export function checkOperation(
  operation: PrivateKeyOperation,
  schemes: readonly SignatureScheme[],
): SignatureSchemeFacts {
  const { scheme, input, inputKind } = operation;
  const facts = signatureSchemeByName(scheme);
  if (facts === undefined || !schemes.includes(facts.name)) {
    throw invalid(
      `scheme: expected one this key can sign (${schemes.join(', ')}); given ${describeValue(scheme)}`,
    );
  }
  if (inputKind !== facts.inputKind) {
    throw invalid(`inputKind: ${scheme} signs a ${facts.inputKind}; given ${describeValue(inputKind)}`);
  }
  if (!(input instanceof Uint8Array) || input.length !== facts.inputLength) {
    const given = input instanceof Uint8Array ? `${input.length} bytes` : describeValue(input);
    throw invalid(
      `input: ${scheme} signs ${facts.inputLength} bytes, a ${facts.hash ?? 'mu'}; given ${given}`,
    );
  }
  return facts;
}

function invalid(message: string): SignerError {
  return new SignerError(message, { code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
}
