import { dirname } from 'node:path';
import {
  flag,
  groupOrFalse,
  list,
  milliseconds,
  choice,
  required,
  group,
  text,
  wholeNumber,
} from '../options/kinds.ts';
import { readOptionsObject, type Option, type OptionValues, type Schema } from '../options/option.ts';
import { signatureLimitsSchema } from '../signers/admission/signature-limits.ts';
import { kmsSchema } from '../signers/kms/kms-signer-options.ts';
import { servedSchema } from '../signers/socket/serve-signer-options.ts';
import { sessionSchema } from '../tls/context/session-options.ts';
import { proxyProtocolOption } from '../tls/server/proxy-protocol.ts';
import { serverSchema } from '../tls/server/server-options.ts';
import { backendOption } from './backends.ts';
import { readConfigFile } from './config-file.ts';
import { file, resolveFiles } from './file-option.ts';
import { fleetTicketKeysOption } from './fleet-ticket-keys.ts';

/** Without its default: what is not given stays as the program has it. */
function optional<Value>(option: Option<Value>): Option<Value | undefined> {
  return { ...option, fallback: undefined, isRequired: false };
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const { keyId, region, endpoint } = kmsSchema;

/** The settings of `s2n-pkey/register`. */
export const registerSchema = {
  cert: file('the PEM certificate chain'),
  keyId: optional(keyId),
  region,
  endpoint,
  localKey: file('a PEM key, for development'),
  localKeyPassphrase: text({ expected: 'a text that is not empty', pattern: /^[^]/ }),
  httpsPorts: list(required(wholeNumber({ least: 1, most: 65_535 })), 'port numbers from 1 to 65535', 1),
  securityPolicy: text({ expected: 'the name of a security policy', pattern: /^./, isSecret: false }),
  minVersion: choice(versions),
  maxVersion: choice(versions),
  handshakeTimeout: optional(serverSchema.handshakeTimeout),
  requestCert: optional(flag(false)),
  rejectUnauthorized: optional(flag(true)),
  ca: file('the PEM certificates of authorities that clients are verified by'),
  crl: file('PEM revocation lists'),
  sessionTimeout: optional(sessionSchema.sessionTimeout),
  ticketKeys: file('48 bytes: session ticket keys that several machines share'),
  fleetTicketKeys: fleetTicketKeysOption,
  proxyProtocol: proxyProtocolOption,
  signatureLimits: groupOrFalse(signatureLimitsSchema, 'limits such as { perSecond: 800 }'),
} satisfies Schema;

/** The section `service`: the settings of `npx s2n-pkey signer`. */
export const serviceSchema = {
  socket: file('the Unix socket to listen at'),
  mode: text({
    expected: "permissions as a text, such as '600' or '660'",
    pattern: /^0?[0-7]{3}$/,
    isSecret: false,
  }),
  allowOthers: flag(false),
  ...servedSchema,
  metrics: text({
    expected: "an address and a port, such as '127.0.0.1:9464'",
    pattern: /^(?:\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/,
    isSecret: false,
  }),
  probe: milliseconds({ least: 1_000, fallback: 30_000 }),
  quiet: flag(false),
} satisfies Schema;

/** Everything that a file of settings can say. */
export const configSchema = {
  signer: backendOption,
  service: group(serviceSchema, "an object such as { socket: '/run/signer/site.sock' }"),
  ...registerSchema,
} satisfies Schema;

export type Config = OptionValues<typeof configSchema>;

/** @throws InvalidOptionError naming the entry. */
export function readConfig(entries: object): Config {
  return readOptionsObject(configSchema, entries, 'an object of settings');
}

/** The entries of a file, with the paths of files made absolute. */
export function loadConfigEntries(path: string): Record<string, unknown> {
  return resolveFiles(configSchema, readConfigFile(path), dirname(path));
}
