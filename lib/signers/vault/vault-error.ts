import { SignerError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The kinds of failure: `ERR_S2N_PKEY_VAULT_…`. */
export type VaultFault =
  | 'ACCESS_DENIED'
  | 'NOT_FOUND'
  | 'KEY_TYPE'
  | 'KEY_VERSION'
  | 'THROTTLED'
  | 'SEALED'
  | 'UNAVAILABLE'
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'TOKEN'
  | 'UNUSABLE_ANSWER'
  | 'WRONG_KEY'
  | 'FAILED';

/** A request to Vault or OpenBao that failed. */
export class VaultError extends SignerError {
  /** Of the HTTP answer; undefined when there was none. */
  readonly status: number | undefined;
  /** What was asked for, as in `transit/sign/site`. */
  readonly operation: string | undefined;

  constructor(
    fault: VaultFault,
    message: string,
    facts: S2nPkeyErrorOptions & { status?: number | undefined; operation?: string | undefined } = {},
  ) {
    super(message, {
      code: `ERR_S2N_PKEY_VAULT_${fault}`,
      ...('cause' in facts ? { cause: facts.cause } : {}),
    });
    this.status = facts.status;
    this.operation = facts.operation;
  }
}

/** The error for an answer that is none of success. `errors` is the server's own words. */
export function explainAnswer(status: number, errors: readonly string[], operation: string): VaultError {
  const words = errors.join('; ').replaceAll(/\s+/g, ' ').trim() || 'no reason was given';
  const [fault, advice] = explanationOf(status, words, operation);
  return new VaultError(fault, `${operation} was refused with status ${status}: ${words}. ${advice}`, {
    status,
    operation,
  });
}

function explanationOf(status: number, words: string, operation: string): readonly [VaultFault, string] {
  // A version that is trimmed away, or not there yet, is answered with 500 by OpenBao and 400 by Vault.
  if (/version/i.test(words) && /(sign|key)/i.test(words) && (status === 400 || status === 500)) {
    return [
      'KEY_VERSION',
      'The version of the key that the certificate is for is not there: see min_encryption_version, min_available_version and ' +
        'latest_version of the key, or open the signer with the certificate of a later version.',
    ];
  }
  if (status === 403) {
    const capability = /\/(sign|hmac)\//.test(operation) ? 'update' : 'read';
    return [
      'ACCESS_DENIED',
      `The token must be valid, and its policy allow ${capability} on ${operation}: path "${operation}" { capabilities = ["${capability}"] }.`,
    ];
  }
  if (status === 404 || (status === 400 && words.includes('key not found'))) {
    return ['NOT_FOUND', 'Check the name of the key, the mount (mount) and the namespace (namespace).'];
  }
  if (status === 429) return ['THROTTLED', 'A rate limit quota of the server was reached: raise it.'];
  if (status === 412) {
    return [
      'UNAVAILABLE',
      'The server that was asked has not received the latest state yet; if it stays so, see its replication.',
    ];
  }
  if (status === 503) {
    return ['SEALED', 'The server is sealed, or in maintenance: unseal it; `vault status` tells.'];
  }
  if (status === 400 && /unsupported|not supported|does not support/.test(words)) {
    return [
      'KEY_TYPE',
      'Make a key of type ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072 or rsa-4096.',
    ];
  }
  if (status >= 500) return ['UNAVAILABLE', 'The fault is on the side of the server: see its log.'];
  return ['FAILED', 'See the log of the server.'];
}

/** The error for a request without an answer. */
export function explainNoAnswer(cause: unknown, address: string, operation: string): VaultError {
  // fetch says "fetch failed"; why is in its cause.
  const reasons: string[] = [];
  for (let error = cause; error instanceof Error && reasons.length < 4; error = error.cause) {
    if (error.message !== '') reasons.push(error.message);
  }
  return new VaultError(
    'UNREACHABLE',
    `${operation} at ${address} had no answer: ${reasons.join(': ') || String(cause)}. Check the address (VAULT_ADDR, or the option ` +
      'address), the network, and for https the authority of its certificate (NODE_EXTRA_CA_CERTS).',
    { operation, cause },
  );
}
