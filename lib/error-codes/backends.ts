import type { CodeTable } from './row.ts';

/** Failures of the other signers: another process, PKCS#11, Vault, Azure and Google. */
export const backendCodes = {
  ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE: [
    'SocketSignerError',
    'No process listens at the socket.',
    'Start it: `npx s2n-pkey signer --socket PATH --key KEY`.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_TIMEOUT: [
    'SocketSignerError',
    'The signing process did not answer within `timeout`.',
    'Check that process, and its connection to KMS.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_WRONG_KEY: [
    'SocketSignerError',
    'The signing process restarted with another key.',
    'Open the signer again, with the certificate of the new key.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_PROTOCOL: [
    'SocketSignerError',
    'Something else listens at the socket, or another version of the protocol.',
    'Run the same version of this package on both sides.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_PERMISSIONS: [
    'SocketSignerError',
    'Every user may connect to the socket, or the path is not a socket.',
    'Give the socket mode 600 or 660, or set `allowOthers`.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_REFUSED: [
    'SocketSignerError',
    "The signing process does not let this process' user or groups in (`allow`).",
    'Add the user or the group to `allow`, and reload the signing process.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE: [
    'SocketSignerError',
    'Another process listens at this path, or another file is there.',
    'Stop that process, or choose another path.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_LISTEN: [
    'SocketSignerError',
    '`serveSigner` cannot listen at this path. `cause` says why.',
    'Check that the folder exists and that this user may write to it.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_BUSY: [
    'SocketSignerError',
    'A client has more signatures in flight than the server accepts.',
    'Raise `maxInFlight`, or fix a client of your own that ignores it.',
  ],
  ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE: [
    'SignerError',
    'The signing process signs handshakes of TLS 1.3 only (`handshakesOnly`), and this is none.',
    "Set `minVersion: 'TLSv1.3'` for the server, or leave out `handshakesOnly`.",
  ],
  ERR_S2N_PKEY_PKCS11_MODULE: [
    'Pkcs11Error',
    'The PKCS#11 module cannot be loaded.',
    'Check the path of `module`, and its architecture.',
  ],
  ERR_S2N_PKEY_PKCS11_TOKEN: [
    'Pkcs11Error',
    'There is no such token, or several and none is named.',
    'Set `tokenLabel` or `slot`. The message lists the tokens.',
  ],
  ERR_S2N_PKEY_PKCS11_PIN: [
    'Pkcs11Error',
    'The token refused the PIN, or needs one. A refused PIN is not tried again.',
    'Set `pin` or `S2N_PKEY_PKCS11_PIN`.',
  ],
  ERR_S2N_PKEY_PKCS11_KEY: [
    'Pkcs11Error',
    'The key does not exist, is not one that TLS uses, or may not sign.',
    'Check `label` and `id`, and that `CKA_SIGN` is true.',
  ],
  ERR_S2N_PKEY_PKCS11_MECHANISM: [
    'Pkcs11Error',
    'The token has no mechanism that TLS needs with this key.',
    '`pkcs11-tool -M` lists the mechanisms.',
  ],
  ERR_S2N_PKEY_PKCS11_SESSION: [
    'Pkcs11Error',
    'The session was lost, and a new one failed as well.',
    'Check the device, and other users of its module in this process.',
  ],
  ERR_S2N_PKEY_PKCS11_TIMEOUT: [
    'Pkcs11Error',
    'The device did not sign within `timeout`.',
    'Raise `sessions` or `timeout`, or send fewer handshakes to this device.',
  ],
  ERR_S2N_PKEY_PKCS11_FAILED: [
    'Pkcs11Error',
    'The module returned another error. `returned` is its name.',
    'See the log of the module.',
  ],
  ERR_S2N_PKEY_VAULT_ACCESS_DENIED: [
    'VaultError',
    'Vault or OpenBao refused the token.',
    'Allow `read` on the key and `update` on its sign path.',
  ],
  ERR_S2N_PKEY_VAULT_TOKEN: [
    'VaultError',
    'There is no token, or the function that provides it failed.',
    'Set `token`, `BAO_TOKEN` or `VAULT_TOKEN`.',
  ],
  ERR_S2N_PKEY_VAULT_NOT_FOUND: [
    'VaultError',
    'There is no such key.',
    'Check `key`, `mount` and `namespace`.',
  ],
  ERR_S2N_PKEY_VAULT_KEY_TYPE: [
    'VaultError',
    'TLS cannot use keys of this type.',
    'Create an `ecdsa-…` or `rsa-…` key.',
  ],
  ERR_S2N_PKEY_VAULT_KEY_VERSION: [
    'VaultError',
    'The key has no such version, or none for this certificate.',
    'Open the signer with the certificate of a version that exists.',
  ],
  ERR_S2N_PKEY_VAULT_THROTTLED: [
    'VaultError',
    'A rate limit of the server was reached.',
    'Raise the rate limit quota.',
  ],
  ERR_S2N_PKEY_VAULT_SEALED: [
    'VaultError',
    'The server is sealed or in maintenance.',
    'Unseal it. `vault status` shows the state.',
  ],
  ERR_S2N_PKEY_VAULT_UNAVAILABLE: [
    'VaultError',
    'The server reports a fault, or a standby is behind.',
    'See the log of the server.',
  ],
  ERR_S2N_PKEY_VAULT_UNREACHABLE: [
    'VaultError',
    'The server did not answer.',
    'Check `address`, the network, and `NODE_EXTRA_CA_CERTS`.',
  ],
  ERR_S2N_PKEY_VAULT_TIMEOUT: [
    'VaultError',
    'There was no signature within `timeout`.',
    'Check the network and the load of the server.',
  ],
  ERR_S2N_PKEY_VAULT_WRONG_KEY: [
    'VaultError',
    'Another version of the key signed. The signature was not used.',
    'Report it to the operator of the server.',
  ],
  ERR_S2N_PKEY_VAULT_UNUSABLE_ANSWER: [
    'VaultError',
    'The response cannot be read.',
    'Check `address`, and the proxy in between.',
  ],
  ERR_S2N_PKEY_VAULT_FAILED: [
    'VaultError',
    'The server refused for another reason. `status` is the HTTP status.',
    'See the log of the server.',
  ],
  ERR_S2N_PKEY_AZURE_ACCESS_DENIED: [
    'AzureKeyVaultError',
    'Key Vault does not allow this identity to use the key.',
    'Assign the role Key Vault Crypto User, and check the firewall of the vault.',
  ],
  ERR_S2N_PKEY_AZURE_CREDENTIALS: [
    'AzureKeyVaultError',
    'The credential provided no token, or an invalid one.',
    'Check the credential and its tenant.',
  ],
  ERR_S2N_PKEY_AZURE_NOT_FOUND: [
    'AzureKeyVaultError',
    'The vault has no such key or version.',
    'Check `keyId`.',
  ],
  ERR_S2N_PKEY_AZURE_KEY_DISABLED: [
    'AzureKeyVaultError',
    'The key is disabled, expired, or not valid yet.',
    'Enable it, or open another version.',
  ],
  ERR_S2N_PKEY_AZURE_KEY_TYPE: [
    'AzureKeyVaultError',
    'TLS cannot use this type of key.',
    'Create an EC key (P-256, P-384, P-521) or an RSA key.',
  ],
  ERR_S2N_PKEY_AZURE_KEY_USAGE: [
    'AzureKeyVaultError',
    'The key may not sign.',
    'Add `sign` to the operations of the key.',
  ],
  ERR_S2N_PKEY_AZURE_THROTTLED: [
    'AzureKeyVaultError',
    'The vault exceeds its transaction limit.',
    'Spread keys over several vaults, or use a Managed HSM.',
  ],
  ERR_S2N_PKEY_AZURE_UNAVAILABLE: [
    'AzureKeyVaultError',
    'Key Vault reports a fault of its own.',
    'It usually passes.',
  ],
  ERR_S2N_PKEY_AZURE_UNREACHABLE: [
    'AzureKeyVaultError',
    'The vault cannot be reached.',
    'Check the network, DNS, and the URL of the vault.',
  ],
  ERR_S2N_PKEY_AZURE_TIMEOUT: [
    'AzureKeyVaultError',
    'There was no signature within `timeout`.',
    'Check the network to the vault.',
  ],
  ERR_S2N_PKEY_AZURE_WRONG_KEY: [
    'AzureKeyVaultError',
    'Another key signed. The signature was not used.',
    'Check what is between this machine and the vault.',
  ],
  ERR_S2N_PKEY_AZURE_UNUSABLE_ANSWER: [
    'AzureKeyVaultError',
    'The response cannot be read.',
    'Check what is between this machine and the vault.',
  ],
  ERR_S2N_PKEY_AZURE_FAILED: ['AzureKeyVaultError', 'Key Vault refused for another reason.', 'Read `cause`.'],
  ERR_S2N_PKEY_GOOGLE_ACCESS_DENIED: [
    'GoogleKmsError',
    'Cloud KMS does not allow this identity to use the key.',
    'Grant `roles/cloudkms.signerVerifier` on the key.',
  ],
  ERR_S2N_PKEY_GOOGLE_CREDENTIALS: [
    'GoogleKmsError',
    'There are no valid credentials.',
    'Set `GOOGLE_APPLICATION_CREDENTIALS`, or use the identity of the machine.',
  ],
  ERR_S2N_PKEY_GOOGLE_NOT_FOUND: [
    'GoogleKmsError',
    'There is no such key version.',
    'Check project, location, key ring, key and version.',
  ],
  ERR_S2N_PKEY_GOOGLE_KEY_STATE: [
    'GoogleKmsError',
    'The key version is not enabled.',
    '`gcloud kms keys versions describe` shows the state.',
  ],
  ERR_S2N_PKEY_GOOGLE_KEY_ALGORITHM: [
    'GoogleKmsError',
    'TLS cannot use the algorithm of this key version.',
    'Create an `EC_SIGN_P256_SHA256` key.',
  ],
  ERR_S2N_PKEY_GOOGLE_THROTTLED: [
    'GoogleKmsError',
    'The project exceeds its quota.',
    'Have the quota raised.',
  ],
  ERR_S2N_PKEY_GOOGLE_UNAVAILABLE: [
    'GoogleKmsError',
    'Cloud KMS cannot be reached, or reports a fault of its own.',
    'Check the network. A fault usually passes.',
  ],
  ERR_S2N_PKEY_GOOGLE_TIMEOUT: [
    'GoogleKmsError',
    'There was no signature within `timeout`.',
    'Check the network to Cloud KMS.',
  ],
  ERR_S2N_PKEY_GOOGLE_WRONG_KEY: [
    'GoogleKmsError',
    'Another key version signed. The signature was not used.',
    'Check what is between this machine and Cloud KMS.',
  ],
  ERR_S2N_PKEY_GOOGLE_UNUSABLE_ANSWER: [
    'GoogleKmsError',
    'The response fails its CRC-32C check, or cannot be read.',
    'Check what is between this machine and Cloud KMS.',
  ],
  ERR_S2N_PKEY_GOOGLE_FAILED: ['GoogleKmsError', 'Cloud KMS refused for another reason.', 'Read `cause`.'],
} as const satisfies CodeTable;
