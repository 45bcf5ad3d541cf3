import type { Server } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { checkOptionsObject, refuseUnknownOptions, type SchemaOf } from '../options/option.ts';
import { overlay } from '../tls/context/effective-settings.ts';
import {
  readSecureContext,
  secureContextSchema,
  type SecureContextOptions,
} from '../tls/context/secure-context.ts';
import { refuseUnsupported } from '../tls/context/unsupported-options.ts';
import { contextsOf } from '../tls/server/secure-server.ts';
import type { KmsClientOptions } from '../signers/kms/client/kms-client.ts';
import { examinationSchema, preflight, type PreflightReport } from './preflight.ts';

/** What the server is to go on with, and what else of it is to be checked. */
export interface RolloverOptions extends SecureContextOptions, KmsClientOptions {
  servernames?: readonly string[];
  /** Days before the end of a certificate from which it is a warning. Default: 21. */
  expiryWarningDays?: number;
}

export const rolloverSchema = {
  ...secureContextSchema,
  ...examinationSchema,
} satisfies SchemaOf<RolloverOptions>;

export interface Rollover {
  readonly report: PreflightReport;
  /** Goes back to what was served before, for connections that are accepted from then on. */
  revert(): void;
}

/**
 * Switches a server to a new key and certificate: checks the pair first, and then shows it to the connections that are accepted from
 * then on. Others are not touched. The former signer has to stay open until its last handshake is done, and for `revert`.
 *
 * @throws PreflightError, and the server goes on with what it has; InvalidOptionError.
 */
export async function rollover(server: Server, options: RolloverOptions): Promise<Rollover> {
  const contexts = contextsOf(server);
  if (contexts === undefined) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  checkOptionsObject(options, '{ cert, signer, … }');
  refuseUnsupported(options);
  refuseUnknownOptions(rolloverSchema, options);
  const { securityPolicy, minVersion, maxVersion } = contexts.default.own;
  const report = await preflight(
    overlay<RolloverOptions>({ securityPolicy, minVersion, maxVersion }, options),
  );
  const context: SecureContextOptions = { ...options };
  for (const name of Object.keys(examinationSchema)) Reflect.deleteProperty(context, name);

  const next = readSecureContext(context);
  const former = contexts.default;
  const kinds = former.identities.map(({ keyType }) => keyType);
  // A key of a kind that the server has not comes in place of all that it has.
  if (next.identities.some(({ keyType }) => kinds.includes(keyType))) contexts.renew(undefined, next);
  else contexts.replaceDefault(next);
  return {
    report,
    revert(): void {
      contexts.restoreDefault(former);
    },
  };
}
