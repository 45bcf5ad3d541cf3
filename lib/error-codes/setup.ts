import type { CodeTable } from './row.ts';

/** Failures before or while a server starts, and of the command line. */
export const setupCodes = {
  ERR_S2N_PKEY_INVALID_OPTION: [
    'InvalidOptionError',
    'An option has a wrong type or value, or does not exist here. `option` is its name.',
    'Follow the message. It says what was expected, and never repeats a secret.',
  ],
  ERR_S2N_PKEY_KEY_MISMATCH: [
    'KeyMismatchError',
    'Certificate and signer have different public keys. The message has both fingerprints.',
    'Use the certificate that was issued for this key, or open the signer with the other key.',
  ],
  ERR_S2N_PKEY_CERTIFICATE_INVALID: [
    'S2nPkeyError',
    '`cert` contains no certificate that can be served.',
    'Pass a PEM chain, your own certificate first.',
  ],
  ERR_S2N_PKEY_ML_DSA_UNREADABLE: [
    'S2nPkeyError',
    'The key or the certificate is ML-DSA, which the OpenSSL of this Node cannot read.',
    'Run a Node with OpenSSL 3.5 or later, such as Node 24.',
  ],
  ERR_S2N_PKEY_SECURITY_POLICY: [
    'S2nPkeyError',
    'The policy does not exist, or it can never agree with this certificate.',
    'Use `default`, or the policy that the message suggests.',
  ],
  ERR_S2N_PKEY_CA_INVALID: [
    'S2nPkeyError',
    '`ca` contains something that cannot be read or used as an authority.',
    'Fix the PEM block that the message names.',
  ],
  ERR_S2N_PKEY_CRL_INVALID: [
    'S2nPkeyError',
    '`crl` contains something that cannot be read or used as a revocation list.',
    'Fix the PEM block that the message names.',
  ],
  ERR_S2N_PKEY_NO_SESSION_TICKETS: [
    'S2nPkeyError',
    'The server issues no session tickets (`sessionTickets: false`, or `requestCert`), so it has no ticket keys.',
    'Do not call `getTicketKeys()` and `setTicketKeys()` on this server.',
  ],
  ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE: [
    'S2nPkeyError',
    'The secrets of the ticket keys of a fleet cannot be had. `cause` says why. Nothing fails: the server goes on with the keys it has, then with its own.',
    'Fix the cause. The source is asked again by itself.',
  ],
  ERR_S2N_PKEY_TICKET_KEYS_MOVED: [
    'S2nPkeyError',
    'The alias of the HMAC key points to another key than when this machine asked first.',
    'Point it back, and pass the new key as `next` on all machines.',
  ],
  ERR_S2N_PKEY_TICKET_KEYS_FILE: [
    'S2nPkeyError',
    "The file of a fleet's ticket keys cannot be read or used. The message has the line, and never a secret.",
    'Give the file mode 600 or 640, and in each line at least 32 bytes in base64, with a time from the second line on.',
  ],
  ERR_S2N_PKEY_ATTACH: [
    'AttachError',
    '`attach` cannot secure this server: it has a key already, is attached already, or has connections.',
    'Create the server without `key` and `cert`, and attach before it serves.',
  ],
  ERR_S2N_PKEY_REGISTER: [
    'RegisterError',
    '`s2n-pkey/register` cannot read or use its settings.',
    'Fix the variable or the entry that the message names.',
  ],
  ERR_S2N_PKEY_CONFIG_FILE: [
    'ConfigError',
    'A file of settings cannot be read.',
    'Fix the line that the message names, then run `npx s2n-pkey config check FILE`.',
  ],
  ERR_S2N_PKEY_CERTIFICATE_REFUSED: [
    'S2nPkeyError',
    'A watched certificate file has no certificate that can be served now. The former one stays in use.',
    'Fix the file. It is read again by itself.',
  ],
  ERR_S2N_PKEY_PREFLIGHT: [
    'PreflightError',
    '`preflight` or `rollover` found faults. `faults` has all of them, each with what to do.',
    'Fix each fault, then start again.',
  ],
  ERR_S2N_PKEY_CONFORMANCE: [
    'ConformanceError',
    'A signer violates the `Signer` contract. The message says how.',
    'Fix the signer.',
  ],
  ERR_S2N_PKEY_KEY_INVALID: [
    'S2nPkeyError',
    '`LocalKeySigner` cannot use this PEM. The message says what it is instead.',
    'Pass an RSA key of 2,048 to 4,096 bits, a P-256, P-384 or P-521 key, or an ML-DSA key.',
  ],
  ERR_S2N_PKEY_PASSPHRASE: [
    'S2nPkeyError',
    'The passphrase of a PEM key is missing or wrong.',
    'Pass the right `passphrase`.',
  ],
  ERR_S2N_PKEY_PEER_PACKAGE: [
    'S2nPkeyError',
    'An optional package that a signer, or a file of settings in YAML, needs is not installed.',
    'Install the package that the message names.',
  ],
  ERR_S2N_PKEY_PLATFORM: [
    'S2nPkeyError',
    'This platform has no addon: macOS, Windows. Or a key that is not in this process was to be served by node:tls (`S2N_PKEY_DEVELOPMENT_FALLBACK`).',
    'Run the program in a container, or in WSL. For local work with a `LocalKeySigner`, set `S2N_PKEY_DEVELOPMENT_FALLBACK=1`.',
  ],
  ERR_S2N_PKEY_ADDON_NOT_FOUND: [
    'S2nPkeyError',
    'The package has no native addon for this machine.',
    'Install again with optional dependencies (`npm install --include=optional`), or run `npx s2n-pkey build`.',
  ],
  ERR_S2N_PKEY_ADDON_VERSION: [
    'S2nPkeyError',
    'The package with the native addon, such as `@s2n-pkey/linux-x64-glibc`, has another version than s2n-pkey.',
    'Remove overrides of the package that the message names, and install again.',
  ],
  ERR_S2N_PKEY_ADDON_LOAD: [
    'S2nPkeyError',
    'The native addon exists, but Node cannot load it.',
    'Follow the message. It needs glibc 2.28 or later, or musl 1.2, and Node 20.19 or later.',
  ],
  ERR_S2N_PKEY_NODE: [
    'S2nPkeyError',
    'The program runs in Bun or Deno, or in a Node that lacks a part of Node that this package uses. The message names each part.',
    'Use Node.js 20.19 or later, 22.12 or later, 24, or 26. For a later Node, update this package.',
  ],
  ERR_S2N_PKEY_LIBRARY: ['S2nPkeyError', 's2n-tls or AWS-LC did not start.', 'Report it.'],
  ERR_S2N_PKEY_CONFIG: [
    'S2nPkeyError',
    's2n-tls did not accept a setting, or memory ran out.',
    'Report it, with the message.',
  ],
  ERR_S2N_PKEY_LOCAL_KMS: [
    'LocalKmsError',
    'The local KMS cannot start, or was asked for something it does not support.',
    'Follow the message: the port is taken, or the data directory is in use.',
  ],
  ERR_S2N_PKEY_USAGE: ['S2nPkeyError', 'A command was called with wrong arguments.', 'Run it with `--help`.'],
} as const satisfies CodeTable;
