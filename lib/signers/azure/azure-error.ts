import { SignerError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The kinds of failure: `ERR_S2N_PKEY_AZURE_…`. */
export type AzureFault =
  | 'ACCESS_DENIED'
  | 'CREDENTIALS'
  | 'NOT_FOUND'
  | 'KEY_TYPE'
  | 'KEY_USAGE'
  | 'KEY_DISABLED'
  | 'THROTTLED'
  | 'UNAVAILABLE'
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'WRONG_KEY'
  | 'UNUSABLE_ANSWER'
  | 'FAILED';

/** A request to Azure Key Vault that failed. */
export class AzureKeyVaultError extends SignerError {
  /** Of the HTTP answer; undefined when there was none. */
  readonly status: number | undefined;
  /** The key's identifier. */
  readonly keyId: string;
  /** Key Vault's own name of the error, as in `Forbidden`. */
  readonly azureErrorCode: string | undefined;

  constructor(
    fault: AzureFault,
    message: string,
    facts: S2nPkeyErrorOptions & {
      keyId: string;
      status?: number | undefined;
      azureErrorCode?: string | undefined;
    },
  ) {
    super(message, {
      code: `ERR_S2N_PKEY_AZURE_${fault}`,
      ...('cause' in facts ? { cause: facts.cause } : {}),
    });
    this.keyId = facts.keyId;
    this.status = facts.status;
    this.azureErrorCode = facts.azureErrorCode;
  }
}

/** The error to throw for whatever the client of `@azure/keyvault-keys` rejected with. */
export function explainAzureFailure(cause: unknown, operation: string, keyId: string): AzureKeyVaultError {
  if (cause instanceof AzureKeyVaultError) return cause;
  const status = property(cause, 'statusCode', 'number');
  const azureErrorCode = property(cause, 'code', 'string');
  const words = cause instanceof Error ? cause.message : String(cause);
  const [fault, advice] = explanationOf(status, words);
  const outcome = status === undefined ? `${operation} did not succeed` : `Key Vault refused to ${operation}`;
  return new AzureKeyVaultError(fault, `${outcome} with ${keyId}: ${words.replace(/\.$/, '')}. ${advice}`, {
    keyId,
    status,
    azureErrorCode,
    cause,
  });
}

function explanationOf(status: number | undefined, words: string): readonly [AzureFault, string] {
  if (status === 401) {
    return [
      'CREDENTIALS',
      'Give a credential that is valid in the tenant of the vault (@azure/identity shows which were tried).',
    ];
  }
  if (status === 403 && /disabled|expired|not yet valid|KeyDisabled|not allowed/i.test(words)) {
    return ['KEY_DISABLED', 'Enable the version of the key, see its dates, or open another.'];
  }
  if (status === 403) {
    return [
      'ACCESS_DENIED',
      'Give its identity the role Key Vault Crypto User on the key (keys/read and keys/sign), or with access policies get and sign; ' +
        'see the firewall of the vault.',
    ];
  }
  if (status === 404) return ['NOT_FOUND', 'Check the name of the vault, of the key, and its version.'];
  if (status === 429) {
    return [
      'THROTTLED',
      'The vault is over its limit of transactions: spread keys over vaults, or use a Managed HSM.',
    ];
  }
  if (status !== undefined && status >= 500) {
    return ['UNAVAILABLE', 'The fault is on the side of Key Vault and usually passes.'];
  }
  if (status === undefined) {
    return ['UNREACHABLE', 'Check the network, name resolution, and the URL of the vault.'];
  }
  return ['FAILED', 'The cause has the details.'];
}

function property(value: unknown, name: string, type: 'string'): string | undefined;
function property(value: unknown, name: string, type: 'number'): number | undefined;
function property(value: unknown, name: string, type: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === type ? found : undefined;
}
